//! What a shim is told at its start.
//!
//! The agent's launcher starts the shim with descriptor 3 a listening Unix stream socket, 4 the
//! console ring (read and write), 5 this order as JSON to be read to its end; 0 is /dev/null, 1 and
//! 2 are its log. Everything else is closed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use umbel_guest::{Generation, GuestId, GuestName, Memory};

pub const LISTENER_FD: i32 = 3;
pub const RING_FD: i32 = 4;
pub const ORDER_FD: i32 = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShimOrder {
    pub guest: GuestId,
    pub generation: Generation,
    pub name: GuestName,
    pub kernel: PathBuf,
    pub memory: Memory,
    pub root_disk: RootDisk,
    /// An exec tmpfs of the guest's own: TMPDIR, management console. Gone with its mount namespace.
    pub work: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disk", rename_all = "snake_case", deny_unknown_fields)]
pub enum RootDisk {
    Cow { child: PathBuf, base: PathBuf },
    Plain { file: PathBuf },
}
