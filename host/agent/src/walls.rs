//! The walls around a guest by name, and which of them an administrator has switched off.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One wall. In this order they are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WallName {
    Cgroup,
    NetworkNamespace,
    PidNamespace,
    MountNamespace,
    IpcNamespace,
    UtsNamespace,
    RootDirectory,
    Devices,
    Limits,
    Uid,
    Group,
    Capabilities,
    NoNewPrivileges,
    Landlock,
    Seccomp,
}

impl WallName {
    pub const ALL: [Self; 15] = [
        Self::Cgroup,
        Self::NetworkNamespace,
        Self::PidNamespace,
        Self::MountNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::RootDirectory,
        Self::Devices,
        Self::Limits,
        Self::Uid,
        Self::Group,
        Self::Capabilities,
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Seccomp,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::NetworkNamespace => "network namespace",
            Self::PidNamespace => "pid namespace",
            Self::MountNamespace => "mount namespace",
            Self::IpcNamespace => "ipc namespace",
            Self::UtsNamespace => "uts namespace",
            Self::RootDirectory => "root directory",
            Self::Devices => "devices",
            Self::Limits => "limits",
            Self::Uid => "uid",
            Self::Group => "group",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivileges => "no new privileges",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }

    /// What can't stand without it: a root of one's own is a mount, and the host's kernel takes filters of
    /// whoever has no rights only from those who can't get any (seccomp(2), landlock_restrict_self(2)).
    fn carries(self) -> &'static [Self] {
        match self {
            Self::MountNamespace => &[Self::RootDirectory, Self::Devices],
            Self::RootDirectory => &[Self::Devices],
            Self::NoNewPrivileges => &[Self::Landlock, Self::Seccomp],
            _ => &[],
        }
    }
}

impl fmt::Display for WallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no wall {name:?}; there are: {}", WallName::ALL.map(WallName::words).join(", "))]
pub struct UnknownWall {
    name: String,
}

impl FromStr for WallName {
    type Err = UnknownWall;

    /// Words may be joined by `-` as well.
    fn from_str(name: &str) -> Result<Self, UnknownWall> {
        let words = name.replace('-', " ");
        Self::ALL.into_iter().find(|wall| wall.words() == words).ok_or_else(|| UnknownWall { name: name.to_owned() })
    }
}

/// Walls that are not raised because an administrator said so, with those that can't stand alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Without(BTreeSet<WallName>);

impl Without {
    pub fn new(named: &[WallName]) -> Self {
        Self(named.iter().flat_map(|wall| [&[*wall], wall.carries()].concat()).collect())
    }

    /// Whether the wall is to be raised.
    pub fn keeps(&self, wall: WallName) -> bool {
        !self.0.contains(&wall)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|wall| wall.words()).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wall_is_found_by_its_name() {
        for wall in WallName::ALL {
            assert_eq!(wall.words().parse(), Ok(wall));
            assert_eq!(wall.words().replace(' ', "-").parse(), Ok(wall));
        }
        assert!("moat".parse::<WallName>().expect_err("none").to_string().contains("seccomp"));
    }

    #[test]
    fn a_wall_falls_with_what_carries_it_and_no_other_does() {
        let without = Without::new(&[WallName::MountNamespace]);
        let fallen: Vec<_> = WallName::ALL.into_iter().filter(|wall| !without.keeps(*wall)).collect();
        assert_eq!(fallen, [WallName::MountNamespace, WallName::RootDirectory, WallName::Devices]);
        assert!(Without::default().is_empty() && Without::new(&[WallName::Uid]).keeps(WallName::Group));
    }
}
