//! How an image is made on the machine where this runs: mmdebstrap(1) makes an archive of a recipe, without root; the
//! panel makes an image of that.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use umbel_recipe::Recipe;
use umbel_recipe::home::Home;

use crate::error::Failure;

const MMDEBSTRAP: &str = "mmdebstrap";

/// The file's text, and what it says.
pub(crate) fn read(path: &Path) -> Result<(String, Recipe), Failure> {
    let text =
        fs::read_to_string(path).map_err(|source| Failure::File { what: "reading", path: path.to_owned(), source })?;
    let recipe = Recipe::parse(&text).map_err(|wrong| Failure::Wrong(format!("{}: {wrong}", path.display())))?;
    Ok((text, recipe))
}

/// Makes an archive there, with what is needed for it beside. What is said on the way goes to whoever watches.
pub(crate) fn build(recipe: &Recipe, place: &Path) -> Result<PathBuf, Failure> {
    let archive = place.join("root.tar");
    let home = Home::of(recipe, &place.display().to_string(), &archive.display().to_string());
    let home = home.map_err(|wrong| Failure::Wrong(wrong.to_string()))?;
    for (number, content) in home.files.iter().enumerate() {
        let path = place.join(format!("file-{number}"));
        // Whoever mmdebstrap becomes must read it.
        let written =
            fs::write(&path, content).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o644)));
        written.map_err(|source| Failure::File { what: "preparing", path, source })?;
    }
    // Nothing is written that should be printed by us.
    let status = Command::new(MMDEBSTRAP).args(&home.arguments).stdout(Stdio::null()).status();
    let status = status.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            Failure::Wrong("mmdebstrap is missing: the Debian package of that name has it".into())
        }
        _ => Failure::File { what: "running", path: MMDEBSTRAP.into(), source },
    })?;
    match status.success() {
        true => Ok(archive),
        false => Err(Failure::Failed { what: MMDEBSTRAP.into(), reason: status.to_string() }),
    }
}
