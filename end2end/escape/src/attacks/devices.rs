//! Devices of the host.

use std::fs::File;

use super::{Aim, Attack};
use crate::call::{Refused, refused};

pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("terminals", |_| open("/dev/ptmx")),
    ("full", |_| open("/dev/full")),
    ("console-log", |_| open("/dev/kmsg")),
    ("host-device", |aim: &Aim<'_>| open(aim.word(0)?)),
    ("tap-node", |_| open("/dev/net/tun")),
];

fn open(path: &str) -> Result<(), Refused> {
    File::open(path).map(drop).map_err(|e| refused(&e))
}
