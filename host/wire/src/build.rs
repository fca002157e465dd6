//! Recipes that are built.

use serde::{Deserialize, Serialize};

/// How far a build is, and what it has said since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildSeen {
    /// Where `log` begins: later than was asked where nobody has asked for long.
    pub from: u64,
    /// Lines of programs that somebody's packages brought: printable, and nothing else is known of it.
    pub log: String,
    pub state: BuildState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum BuildState {
    Running {},
    /// The upload has the file system, as `disk`.
    Done {},
    Failed {
        reason: String,
    },
}
