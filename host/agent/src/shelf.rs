//! A directory of things that have their name exactly while they are whole: kernels, images. What comes is made beside
//! and renamed, what goes is renamed first, so that an agent killed in between leaves what [`Shelf::sweep`] knows.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::in_full;

/// No id begins with a dot.
const COMING: &str = ".coming-";
const GOING: &str = ".going-";

#[derive(Clone, Debug)]
pub struct Shelf {
    directory: PathBuf,
}

impl Shelf {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where something is made that will have that name; nothing is there.
    pub fn begin(&self, name: &str) -> io::Result<PathBuf> {
        let coming = self.directory.join(format!("{COMING}{name}"));
        remove(&coming)?;
        Ok(coming)
    }

    /// Gives what was made its name, for good.
    pub fn put(&self, coming: &Path, name: &str) -> io::Result<()> {
        fs::rename(coming, self.directory.join(name))?;
        File::open(&self.directory)?.sync_all()
    }

    /// At once gone for everybody, whatever becomes of the removal; also the rest of one that was cut off.
    pub fn take_away(&self, name: &str) -> io::Result<()> {
        let (there, going) = (self.directory.join(name), self.directory.join(format!("{GOING}{name}")));
        remove(&going)?;
        match fs::rename(&there, &going) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed.and_then(|()| remove(&going)),
        }
    }

    /// What an agent left that was killed over something.
    pub fn sweep(&self) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().filter_map(Result::ok);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if (name.starts_with(COMING) || name.starts_with(GOING))
                && let Err(error) = remove(&entry.path())
            {
                tracing::warn!(path = %entry.path().display(), cause = in_full(&error), "what is half there stays");
            }
        }
    }
}

/// A file or a directory with all in it; without following a link. That there is none is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir());
    let removed = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_half_there_goes_with_the_sweep_and_nothing_else_does() {
        let dir = tempfile::tempdir().expect("tmp");
        let shelf = Shelf::new(dir.path().to_owned());
        let names = || {
            let entries = fs::read_dir(dir.path()).expect("there");
            let mut names: Vec<_> = entries.map(|entry| entry.expect("read").file_name()).collect();
            names.sort();
            names
        };
        let coming = shelf.begin("one-1").expect("begun");
        fs::create_dir(&coming).expect("made");
        fs::write(coming.join("file"), "content").expect("written");
        shelf.put(&coming, "one-1").expect("put");
        fs::write(shelf.begin("two-1").expect("begun"), "half").expect("written");
        fs::create_dir(dir.path().join(".going-three-1")).expect("made");
        assert_eq!(names(), [".coming-two-1", ".going-three-1", "one-1"]);
        shelf.sweep();
        assert_eq!(names(), ["one-1"]);
        shelf.take_away("one-1").expect("gone");
        shelf.take_away("one-1").expect("it was gone already");
        assert_eq!(names(), [""; 0]);
    }
}
