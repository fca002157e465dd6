//! Knows User-Mode Linux and nothing of Umbel: the command line, the management console, the COW
//! header, what an exit means, how a kernel file is recognised, and what helps one on a newer processor.

pub mod card;
pub mod command_line;
pub mod cow;
pub mod disk;
pub mod exit;
pub mod features;
pub mod kernel;
pub mod management;
pub mod xstate;

pub use card::{BadInterface, Card, InterfaceName, Link};
pub use command_line::{BadPath, CommandLine, RootDisk, Source, TREE_INIT, TREE_SHELL, Told};
pub use disk::{Disk, Place};
