//! Every seed and everything that was ever found holds. Needs no fuzzer: `cargo test -p turbo-shard-fuzz`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use turbo_shard_fuzz::{INPUT_BYTES_MAX, TARGETS, Target};

/// The files of a target in one of the folders, which has one for each target that needs it.
fn inputs(folder: &str, target: &Target) -> Vec<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = fs::read_dir(place.join(target.name)) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The names of inputs for which the target does not hold.
fn broken(target: &Target, files: &[PathBuf]) -> Vec<String> {
    let holds = |file: &PathBuf| {
        let input = fs::read(file).unwrap();
        assert!(
            input.len() <= INPUT_BYTES_MAX,
            "{} is too long",
            file.display()
        );
        catch_unwind(AssertUnwindSafe(|| (target.check)(&input))).is_ok()
    };
    let broken = files.iter().filter(|file| !holds(file));
    broken
        .map(|file| format!("{} {}", target.name, file.display()))
        .collect()
}

#[test]
fn every_target_holds_for_its_seeds() {
    let mut all = Vec::new();
    for target in TARGETS {
        let seeds = inputs("seeds", target);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        all.extend(broken(target, &seeds));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn every_target_holds_for_what_was_found_before() {
    let all: Vec<_> = TARGETS
        .iter()
        .flat_map(|target| broken(target, &inputs("regressions", target)))
        .collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn no_folder_is_left_that_no_target_reads() {
    for folder in ["seeds", "regressions"] {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs::read_dir(place).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(turbo_shard_fuzz::target(&name).is_some(), "{folder}/{name}");
        }
    }
}
