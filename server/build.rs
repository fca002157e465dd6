//! Finds the built site that is embedded into the program: `UMBEL_SITE`, or `site` in the target
//! directory. An empty one is made where none has been built, so that checks need no browser parts.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let site = env::var_os("UMBEL_SITE")
        .map(PathBuf::from)
        .or_else(|| out.ancestors().nth(4).map(|target| target.join("site")))
        .expect("OUT_DIR lies in a target directory");
    fs::create_dir_all(&site).expect("the site's directory can be made");
    println!("cargo:rustc-env=UMBEL_SITE={}", site.display());
    println!("cargo:rerun-if-changed={}", site.display());
    println!("cargo:rerun-if-env-changed=UMBEL_SITE");
}
