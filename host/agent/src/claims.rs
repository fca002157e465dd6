//! What belongs to one owner on the whole machine, whichever agent it is of: a file each, in a directory
//! under /run that all agents share and that a restart of the machine empties. What the owner is named
//! stands in it: paths of Unix are bytes.

use std::fs;
use std::io;
use std::path::Path;

/// Who has it.
pub fn holder(claims: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(claims.join(name)) {
        Ok(owner) => Ok(Some(owner)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes it if nobody has it; whether it is the owner's afterwards. Repeating it does no harm.
pub fn take(claims: &Path, name: &str, owner: &[u8]) -> io::Result<bool> {
    // Written beside and linked, which fails where there is one: a claim is whole or not there.
    let beside = claims.join(format!(".{name}.{}", std::process::id()));
    let write = || fs::create_dir_all(claims).and_then(|()| fs::write(&beside, owner));
    match write() {
        // Whoever gave back the last claim has just removed the directory.
        Err(error) if error.kind() == io::ErrorKind::NotFound => write()?,
        written => written?,
    }
    let linked = fs::hard_link(&beside, claims.join(name));
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(holder(claims, name)?.as_deref() == Some(owner))
        }
        Err(error) => Err(error),
    }
}

/// Gives back what is the owner's. A claim that stays behind costs one of many.
pub fn release(claims: &Path, name: &str, owner: &[u8]) {
    if holder(claims, name).is_ok_and(|holder| holder.as_deref() == Some(owner)) {
        let _ = fs::remove_file(claims.join(name));
    }
    // Fails as long as there are others.
    let _ = fs::remove_dir(claims);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_has_nobody_else_gets_until_it_is_given_back() {
        let dir = tempfile::tempdir().expect("tmp");
        let claims = dir.path().join("claims");
        let take = |owner: &str| take(&claims, "8080", owner.as_bytes()).expect("writable");
        assert!(take("/data/a") && take("/data/a"), "the same again");
        assert!(!take("/data/b"));
        release(&claims, "8080", b"/data/b");
        assert_eq!(holder(&claims, "8080").expect("readable").as_deref(), Some(&b"/data/a"[..]), "it isn't theirs");
        release(&claims, "8080", b"/data/a");
        assert!(!claims.exists(), "nothing is left of the last one");
        assert!(take("/data/b"));
    }
}
