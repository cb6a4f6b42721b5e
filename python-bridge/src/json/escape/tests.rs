//! Tries `escape` against the plainest form of the same thing. Knows no Python.

use super::*;

/// The plainest form of the same thing.
fn expected(text: &str) -> String {
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..' ' => json.push_str(&format!("\\u{:04x}", character as u32)),
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

fn narrow(text: &str) -> String {
    let bytes: Vec<u8> = text
        .chars()
        .map(|character| u8::try_from(character).unwrap())
        .collect();
    let mut out = Vec::new();
    push_quoted_latin1(&mut out, &bytes);
    String::from_utf8(out).unwrap()
}

fn wide<U: WideUnit>(units: &[U]) -> Result<String, LoneSurrogate> {
    let mut out = Vec::new();
    push_quoted_wide(&mut out, units)?;
    Ok(String::from_utf8(out).unwrap())
}

fn check(text: &str) {
    let points: Vec<u32> = text.chars().map(u32::from).collect();
    if points.iter().all(|&point| point < 0x100) {
        assert_eq!(narrow(text), expected(text));
    }
    if points.iter().all(|&point| point < 0x1_0000) {
        let units: Vec<u16> = points.iter().map(|&point| point as u16).collect();
        assert_eq!(wide(&units).unwrap(), expected(text));
    }
    assert_eq!(wide(&points).unwrap(), expected(text));
}

#[test]
fn each_byte_stands_right_at_each_place_of_each_length() {
    for byte in 0..=0xff_u8 {
        for length in 1..40 {
            for place in 0..length {
                let text: String = (0..length)
                    .map(|at| if at == place { char::from(byte) } else { 'x' })
                    .collect();
                assert_eq!(narrow(&text), expected(&text));
            }
        }
    }
}

#[test]
fn lengths_around_a_block_come_out_whole() {
    for length in [0, 1, 254, 255, 256, 257, 511, 512, 513, 1000] {
        for filling in ["x", "\"", "\0", "é", "€", "𝄞", "a\n"] {
            check(&filling.chars().cycle().take(length).collect::<String>());
        }
    }
}

#[test]
fn every_character_comes_out_as_utf8() {
    let all: String = ('\0'..=char::MAX).collect();
    check(&all);
    check(&('\0'..='\u{ff}').rev().collect::<String>());
    check(&('\0'..='\u{ffff}').step_by(7).collect::<String>());
}

#[test]
fn what_was_there_stays_and_capacity_is_not_needed_beforehand() {
    for capacity in 0..64 {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'[');
        push_quoted_latin1(&mut out, b"name\0");
        push_quoted_wide(&mut out, &[0x20ac_u16]).unwrap();
        assert_eq!(out, "[\"name\\u0000\"\"€\"".as_bytes());
    }
}

#[test]
fn a_surrogate_is_reported_with_its_place() {
    let mut units = vec![0x61_u16; 600];
    units[300] = 0xd83d;
    units[301] = 0xde00;
    assert_eq!(
        wide(&units),
        Err(LoneSurrogate {
            code: 0xd83d,
            index: 300
        })
    );
    assert_eq!(
        wide(&[0xdfff_u32]),
        Err(LoneSurrogate {
            code: 0xdfff,
            index: 0
        })
    );
}

#[test]
fn random_mixtures_come_out_whole() {
    // xorshift64*, so that no crate is needed; a failure names the text.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u32| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as u32 % below
    };
    for _ in 0..20_000 {
        let highest = [0x7f, 0xff, 0xffff, 0x10_ffff][random(4) as usize];
        let length = random(70);
        let text: String = (0..length)
            .map(|_| {
                if random(3) == 0 {
                    char::from_u32(random(highest)).unwrap_or('ß')
                } else {
                    'z'
                }
            })
            .filter(|&character| u32::from(character) <= highest)
            .collect();
        check(&text);
    }
}
