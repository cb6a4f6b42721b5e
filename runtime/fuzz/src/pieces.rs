//! Cuts an input into pieces, the same ones whenever it is tried.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Most pieces of a cut that is neither whole nor byte by byte.
const PIECES_MAX: u64 = 6;

/// The input whole, byte by byte, and cut in two ways that depend on its bytes.
pub(crate) fn ways(input: &[u8]) -> Vec<Vec<&[u8]>> {
    vec![
        vec![input],
        input.chunks(1).collect(),
        cut(input, 1),
        cut(input, 2),
    ]
}

/// A number that follows from the input and `salt`.
pub(crate) fn number(input: &[u8], salt: u64) -> u64 {
    // Its keys are fixed: the numbers are the same in every process.
    let mut hasher = DefaultHasher::new();
    (input, salt).hash(&mut hasher);
    hasher.finish()
}

fn cut(input: &[u8], salt: u64) -> Vec<&[u8]> {
    let places = input.len() as u64 + 1;
    let count = 1 + number(input, salt) % PIECES_MAX;
    let mut cuts: Vec<usize> = (0..count)
        .map(|at| (number(input, salt * 1000 + at) % places) as usize)
        .chain([0, input.len()])
        .collect();
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| &input[pair[0]..pair[1]])
        .collect()
}
