//! The attacks by name. Each is run in a process of its own and steals, or is refused with an error number.

mod devices;
mod files;
mod limits;
mod network;
mod processes;
mod rights;

use std::path::Path;

use crate::call::Refused;

/// What an attack is aimed at: words out of its order, and the guest's own disk.
#[derive(Debug)]
pub struct Aim<'a> {
    pub words: &'a [&'a str],
    pub disk: &'a Path,
}

impl<'a> Aim<'a> {
    pub fn word(&self, at: usize) -> Result<&'a str, Refused> {
        self.words.get(at).copied().ok_or(libc::EINVAL)
    }

    pub fn number(&self, at: usize) -> Result<usize, Refused> {
        self.word(at)?.parse().map_err(|_| libc::EINVAL)
    }
}

pub type Attack = fn(&Aim<'_>) -> Result<(), Refused>;

pub fn find(name: &str) -> Option<Attack> {
    let all =
        [files::ATTACKS, processes::ATTACKS, network::ATTACKS, rights::ATTACKS, limits::ATTACKS, devices::ATTACKS];
    all.into_iter().flatten().find(|(known, _)| *known == name).map(|(_, attack)| *attack)
}
