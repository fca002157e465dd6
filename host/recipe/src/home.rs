//! For mmdebstrap(1) on somebody's own machine, without root: its arguments.

use super::build::include;
use super::made::{Deed, Made};
use super::{FieldErrors, Kind, Recipe, debian};

/// What is run, but for the program's name; `archive` is what comes of it.
#[derive(Debug)]
pub struct Home {
    /// To be written as `file-0`, `file-1` and so on before, readable for everybody.
    pub files: Vec<String>,
    pub arguments: Vec<String>,
}

impl Home {
    /// `place` has the files.
    pub fn of(recipe: &Recipe, place: &str, archive: &str) -> Result<Self, FieldErrors> {
        if recipe.kind != Kind::Debian {
            return Err(FieldErrors::one("kind", "only a Debian can be built outside of the panel"));
        }
        let made = Made::of(recipe, None);
        let mut arguments = vec!["--variant=minbase".to_owned(), "--format=tar".into(), "--include".into()];
        arguments.push(include(recipe));
        for deed in &made.deeds {
            arguments.push("--customize-hook".into());
            arguments.push(match deed {
                Deed::Run(line) => line.clone(),
                Deed::Put { number, to } => format!("upload {place}/file-{number} {to}"),
            });
        }
        arguments.push(recipe.suite.clone().unwrap_or_default());
        arguments.push(archive.to_owned());
        if recipe.mirror.is_some() {
            let key = made.files.iter().position(|file| Some(file) == recipe.key.as_ref());
            let key = key.map_or_else(String::new, |number| format!("{place}/file-{number}"));
            arguments.extend(debian::lines(recipe, &key, |_, mirror| mirror.to_owned()));
        }
        Ok(Self { files: made.files, arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sent_in_and_a_mirror_that_is_not_named_is_the_program_s_choice() {
        let least = "name = 'd'\nversion = '1'\nsuite = 'trixie'\n";
        let of = |text: &str| Home::of(&Recipe::parse(text).expect("fine"), "/p", "/p/root.tar");
        let home = of(least).expect("a Debian");
        assert!(home.arguments.contains(&"upload /p/file-0 /usr/local/lib/umbel/place".to_owned()));
        assert_eq!(home.arguments[home.arguments.len() - 2..], ["trixie", "/p/root.tar"]);
        let own = of(&format!("{least}mirror = 'https://m.example/d'\nunsigned = true")).expect("a Debian");
        assert_eq!(own.arguments.last().expect("some"), "deb [trusted=yes] https://m.example/d trixie main");
        let arch = "name = 'a'\nversion = '1'\nkind = 'arch'\nmirror = 'https://m.example/$repo'\npackages = ['base']";
        assert!(of(arch).expect_err("no Debian").of("kind").next().is_some());
    }
}
