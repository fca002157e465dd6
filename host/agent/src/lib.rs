//! The only privileged program: disks, cgroups, namespaces, uids, and starting shims. It answers a
//! closed list of requests over a Unix socket, checks every invariant itself, derives every path and
//! uid from ids, and is never on the way of a console's bytes.
//!
//! Reading order: [`serve`] (the socket), [`request`] (a function per request), [`policy`] (pure
//! accept or refuse), [`launch`] and [`launcher`] (how a guest is started), [`watch`] (how its end is
//! learnt); then what they act on: [`ledger`], [`cgroup`], [`uid`], [`disk`], [`image`], [`kernels`].

pub mod cgroup;
pub mod clean;
pub mod cli;
pub mod disk;
pub mod host;
pub mod image;
pub mod kernels;
pub mod launch;
pub mod launcher;
pub mod ledger;
pub mod policy;
pub mod process;
pub mod request;
pub mod serve;
pub mod state;
pub mod uid;
pub mod watch;

/// An error and its causes in one line, for a refusal or a log.
pub fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// µs since the epoch, UTC.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
