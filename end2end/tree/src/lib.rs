//! Holds the house to what is said of it. Each module is a few tests that read the tree: [`arrows`]
//! who may know whom, [`files`] their size and what they must not name, [`migrations`] that both
//! engines get the same schema, [`docs`] that what is written leads somewhere, [`threats`] that each
//! defence is shown by something.
#![cfg(test)]

mod arrows;
mod docs;
mod files;
mod migrations;
mod threats;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("this crate lies in end2end/tree")
}

/// Every file of the tree, relative to its root: what git tracks or would, if it is still there.
fn tracked() -> Vec<String> {
    let list = output(Command::new("git").current_dir(root()).args([
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    let mut files: Vec<String> = list.split('\0').filter(|f| !f.is_empty()).map(str::to_owned).collect();
    files.retain(|file| root().join(file).is_file());
    files.dedup();
    assert!(files.len() > 100, "git lists only {} files of {}", files.len(), root().display());
    files
}

/// A file's text; `None` where it is not text.
fn text(file: &str) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))).ok()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("these programs write UTF-8")
}
