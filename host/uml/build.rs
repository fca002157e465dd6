//! Builds what is loaded before a guest's kernel, to be part of our own programs: `src/xstate.rs` says what for.

use std::path::PathBuf;
use std::process::Command;
use std::{env, io};

const SOURCE: &str = "preload/xstate.rs";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let variable = |name: &str| env::var_os(name).ok_or_else(|| io::Error::other(format!("cargo sets no {name}")));
    let library = PathBuf::from(variable("OUT_DIR")?).join("xstate.so");
    let mut rustc = Command::new(variable("RUSTC")?);
    rustc.args(["--edition=2024", "--crate-name=xstate", "--crate-type=cdylib", SOURCE, "-o"]).arg(&library);
    rustc.arg("--target").arg(variable("TARGET")?);
    rustc.args(["-Dwarnings", "-Copt-level=2", "-Cpanic=abort", "-Cstrip=symbols", "-Clink-arg=-nostartfiles"]);
    let built = rustc.status()?;
    if built.success() { Ok(()) } else { Err(io::Error::other(format!("rustc {SOURCE}: {built}"))) }
}
