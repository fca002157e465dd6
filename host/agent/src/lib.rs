//! The only privileged program: disks, cgroups, namespaces, uids, and starting shims. It answers a
//! closed list of requests over a Unix socket, checks every invariant itself, derives every path and
//! uid from ids, and is never on the way of a console's bytes.
//!
//! Reading order: [`serve`] (the socket), [`request`] (a function per request), [`policy`] (pure
//! accept or refuse), [`walls`] (what stands around a guest, by name), [`launch`] and [`launcher`] (how it
//! is started), [`jail`] and [`rights`] (what the launcher leaves it), [`watch`] (how its end is learnt),
//! [`shim`] and [`control`] (what is asked of a shim); then what they act on: [`ledger`], [`cgroup`] with
//! [`limits`], [`uid`], [`disk`] with [`strays`], [`volume`], [`image`] with [`recipe`], [`tree`], [`kernels`], [`libraries`], [`beneath`],
//! [`takeover`], [`shelf`], [`network`].

pub mod beneath;
pub mod cgroup;
pub mod claims;
pub mod clean;
pub mod cli;
pub mod control;
pub mod disk;
pub mod doctor;
pub mod host;
pub mod image;
pub mod jail;
pub mod kernels;
pub mod launch;
pub mod launcher;
pub mod ledger;
pub mod libraries;
pub mod limits;
pub mod magic;
pub mod metrics;
pub mod network;
pub mod parcel;
pub mod policy;
pub mod process;
pub mod processors;
pub mod recipe;
pub mod request;
pub mod rights;
pub mod room;
pub mod serve;
pub mod setup;
pub mod shelf;
pub mod shim;
pub mod state;
pub mod storage;
pub mod strays;
pub mod takeover;
pub mod tree;
pub mod uid;
pub mod volume;
pub mod walls;
pub mod watch;
pub mod workshop;

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

/// Lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// µs since the epoch, UTC.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
