//! Who the panel is. Started by root it becomes an account of its own before it opens a socket or the
//! database, and there is no way back.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl::set_no_new_privs;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, User, fchown, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, setuid};

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("there is no account {0} on this machine; make it (useradd --system {0}) or choose another with --user")]
    NoUser(String),
    #[error("the account {0} is root again; choose one without privileges with --user")]
    Privileged(String),
    #[error("looking up the account {name} failed: {source}")]
    LookUp { name: String, source: Errno },
    #[error("the data directory {} can't be written: {source}; choose another with --data", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("{call} failed, so the panel would keep privileges: {source}")]
    Call { call: &'static str, source: Errno },
    #[error("the panel still has privileges after it gave them up")]
    Kept,
}

/// Makes the panel's own directory within `data` and becomes `user` where root has started it.
pub fn settle(data: &Path, panel: &Path, user: &str) -> Result<(), IdentityError> {
    if !Uid::effective().is_root() {
        make(data, 0o755)?;
        make(panel, 0o700)?;
        return no_new_privileges();
    }
    let look_up = |source| IdentityError::LookUp { name: user.to_owned(), source };
    let account = User::from_name(user).map_err(look_up)?.ok_or_else(|| IdentityError::NoUser(user.to_owned()))?;
    if account.uid.is_root() {
        return Err(IdentityError::Privileged(user.to_owned()));
    }
    if make(data, 0o755)? {
        // Others pass through it, whatever root's umask says.
        fs::set_permissions(data, Permissions::from_mode(0o755)).map_err(|e| directory(data, e))?;
    }
    make(panel, 0o700)?;
    give(panel, &account).map_err(|e| directory(panel, e.into()))?;
    become_account(account.uid, account.gid)
}

/// Whose program this is, by name where the machine knows one.
pub fn login_name() -> String {
    let uid = Uid::current();
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// Whether it was not there before.
fn make(path: &Path, mode: u32) -> Result<bool, IdentityError> {
    let is_new = !path.exists();
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|e| directory(path, e))?;
    Ok(is_new)
}

/// Only the directory itself: what lies in it was put there by the panel, which root follows nowhere.
fn give(path: &Path, account: &User) -> Result<(), Errno> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = open(path, flags, Mode::empty())?;
    fchown(&directory, Some(account.uid), Some(account.gid))?;
    fchmod(&directory, Mode::S_IRWXU)
}

fn become_account(uid: Uid, gid: Gid) -> Result<(), IdentityError> {
    let failed = |call| move |source| IdentityError::Call { call, source };
    // Groups first: without the uid of root none of them can be changed.
    setgroups(&[gid]).map_err(failed("setgroups"))?;
    setresgid(gid, gid, gid).map_err(failed("setresgid"))?;
    setresuid(uid, uid, uid).map_err(failed("setresuid"))?;

    let users = getresuid().map_err(failed("getresuid"))?;
    let groups = getresgid().map_err(failed("getresgid"))?;
    let others = getgroups().map_err(failed("getgroups"))?;
    let is_user = [users.real, users.effective, users.saved] == [uid; 3];
    let is_group = [groups.real, groups.effective, groups.saved] == [gid; 3];
    if !is_user || !is_group || others.iter().any(|other| *other != gid) || setuid(Uid::from_raw(0)).is_ok() {
        return Err(IdentityError::Kept);
    }
    no_new_privileges()
}

/// Nothing that the panel could start would gain any (prctl(2), PR_SET_NO_NEW_PRIVS).
fn no_new_privileges() -> Result<(), IdentityError> {
    set_no_new_privs().map_err(|source| IdentityError::Call { call: "prctl(PR_SET_NO_NEW_PRIVS)", source })
}

fn directory(path: &Path, source: io::Error) -> IdentityError {
    IdentityError::Directory { path: path.to_owned(), source }
}
