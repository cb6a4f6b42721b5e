//! Tests of compressing: what comes out is what went in, and every flushed piece can be read at once.

use std::io::Read;

use proptest::prelude::*;

use super::*;

const LEVELS: [CompressionLevel; 3] = [
    CompressionLevel::Fast,
    CompressionLevel::Balanced,
    CompressionLevel::Small,
];

/// As much as can be read of what has come so far.
fn read_so_far(coding: ContentCoding, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut reader: Box<dyn Read> = match coding {
        ContentCoding::Brotli => Box::new(brotli::Decompressor::new(coded, 4096)),
        ContentCoding::Zstd => Box::new(zstd::stream::read::Decoder::new(coded).unwrap()),
        ContentCoding::Gzip => Box::new(flate2::read::GzDecoder::new(coded)),
    };
    let mut block = [0; 1024];
    while let Ok(count @ 1..) = reader.read(&mut block) {
        plain.extend_from_slice(&block[..count]);
    }
    plain
}

#[test]
fn a_flushed_piece_can_be_read_at_once() {
    for coding in ContentCoding::ALL {
        for level in LEVELS {
            let mut encoder = Encoder::new(coding, level, None).unwrap();
            let (mut coded, mut plain) = (Vec::new(), Vec::new());
            for number in 0..50 {
                let piece = format!("data: {number}\n\n");
                plain.extend_from_slice(piece.as_bytes());
                coded.extend(encoder.write(piece.as_bytes(), true).unwrap());
                assert_eq!(
                    read_so_far(coding, &coded),
                    plain,
                    "{coding:?} {level:?} {number}"
                );
            }
            coded.extend(encoder.finish().unwrap());
            assert_eq!(read_so_far(coding, &coded), plain);
        }
    }
}

#[test]
fn texts_become_smaller() {
    let text = include_bytes!("encoder.rs");
    for coding in ContentCoding::ALL {
        for level in LEVELS {
            let length = Some(text.len() as u64);
            let mut encoder = Encoder::new(coding, level, length).unwrap();
            let mut coded = encoder.write(text, false).unwrap();
            coded.extend(encoder.finish().unwrap());
            assert!(
                coded.len() < text.len() / 2,
                "{coding:?} {level:?}: {}",
                coded.len()
            );
            assert_eq!(read_so_far(coding, &coded), text);
        }
    }
}

proptest! {
    #[test]
    fn what_comes_out_is_what_went_in(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 0..8),
        hint: bool,
    ) {
        let plain: Vec<u8> = pieces.iter().flat_map(|(piece, _)| piece.clone()).collect();
        for coding in ContentCoding::ALL {
            let length = hint.then_some(plain.len() as u64);
            let mut encoder = Encoder::new(coding, CompressionLevel::Fast, length).unwrap();
            let mut coded = Vec::new();
            for (piece, flushes) in &pieces {
                coded.extend(encoder.write(piece, *flushes).unwrap());
            }
            coded.extend(encoder.finish().unwrap());
            prop_assert_eq!(&read_so_far(coding, &coded), &plain);
        }
    }
}
