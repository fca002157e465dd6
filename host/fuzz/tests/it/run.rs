//! Runs a target over its corpus as it is, then damaged so many times. What makes it fail is put into the
//! corpus, where it is tried first from then on.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use umbel_fuzz::{Random, damaged};

/// About two seconds of the quickest; a hundred times as many in the long run.
const TIMES: usize = 20_000;
const LONG: usize = 100;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Of the corpus, by name.
pub(crate) fn directories() -> Vec<String> {
    let entries = fs::read_dir(corpus()).expect("a corpus").filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// What a target begins with: path and content.
pub(crate) fn inputs(name: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(corpus().join(name)).expect("a corpus").filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().map(|file| (file.display().to_string(), fs::read(file).expect("readable"))).collect()
}

pub(crate) fn run(name: &str, target: fn(&[u8])) {
    let directory = corpus().join(name);
    let inputs = inputs(name);
    assert!(!inputs.is_empty(), "{} is empty", directory.display());
    for (file, input) in &inputs {
        assert!(stands(target, input), "{file} makes it fail");
    }

    let is_long = std::env::var_os("UMBEL_TEST_FULL").is_some();
    // In the long run another way each time; otherwise always the same.
    let seed = if is_long { std::process::id().into() } else { 1 };
    let mut random = Random::new(seed);
    for _ in 0..if is_long { TIMES * LONG } else { TIMES } {
        let (one, other) = (random.below(inputs.len()), random.below(inputs.len()));
        let input = damaged(&inputs[one].1, &inputs[other].1, &mut random);
        if !stands(target, &input) {
            let kept = directory.join(format!("failed-{:016x}", hash(&input)));
            fs::write(&kept, &input).expect("kept");
            panic!("it fails over {}, which is kept (seed {seed})", kept.display());
        }
    }
}

fn stands(target: fn(&[u8]), input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| target(input))).is_ok()
}

fn hash(input: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    hasher.finish()
}
