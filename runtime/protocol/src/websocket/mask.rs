//! The mask that every client lays over its payloads (RFC 6455 section 5.3). Knows no frames.

/// Takes `mask` off `bytes`, whose first was masked with `mask[0]`, and returns the mask of the byte that follows.
///
/// Eight bytes at a time, which the compiler turns into vectors.
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    let mut next = mask;
    next.rotate_left(bytes.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use super::unmask;

    #[test]
    fn a_payload_in_pieces_is_unmasked_as_one() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let plain: Vec<u8> = (0..100u8).collect();
        let masked: Vec<u8> = plain
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ mask[i % 4])
            .collect();
        for at in 0..=masked.len() {
            let mut bytes = masked.clone();
            let (head, tail) = bytes.split_at_mut(at);
            let next = unmask(head, mask);
            unmask(tail, next);
            assert_eq!(bytes, plain, "cut at {at}");
        }
    }
}
