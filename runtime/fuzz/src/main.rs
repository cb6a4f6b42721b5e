//! libFuzzer over one of the targets, which `TURBO_SHARD_FUZZ_TARGET` names. scripts/fuzz.sh builds and starts it.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use turbo_shard_fuzz::{INPUT_BYTES_MAX, TARGETS, Target, target};

static CHOSEN: OnceLock<&Target> = OnceLock::new();

fn chosen() -> &'static Target {
    CHOSEN.get_or_init(|| {
        let name = std::env::var("TURBO_SHARD_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            panic!("TURBO_SHARD_FUZZ_TARGET is {name:?}, none of {names:?}")
        })
    })
}

fuzz_target!(|input: &[u8]| {
    if input.len() <= INPUT_BYTES_MAX {
        (chosen().check)(input);
    }
});
