//! Knows User-Mode Linux and nothing of Umbel: the command line, the management console, the COW
//! header, what an exit means, how a kernel file is recognised.

pub mod command_line;
pub mod cow;
pub mod exit;
pub mod kernel;
pub mod management;

pub use command_line::{BadPath, CommandLine, RootDisk};
