//! What host processes say to one another, and where they meet.
//!
//! ```text
//! server ──agent::Request──▶ agent         RUN/<instance>/agent.sock     length-prefixed JSON
//! agent  ──launch::ShimOrder──▶ shim       a descriptor at its start     JSON, read to the end
//! server, agent ──shim::ToShim──▶ shim     RUN/<instance>/g/<short>.sock length-prefixed kind + bytes
//! shim   ──ring──▶ anybody                 DATA/guests/<id>/console.ring a file that outlives the shim
//! ```
//! All enums are closed and versioned: a newer server meets older shims.

pub mod agent;
pub mod build;
pub mod disks;
pub mod files;
pub mod frame;
pub mod image;
pub mod launch;
pub mod layout;
pub mod parcel;
pub mod ring;
pub mod shim;
pub mod talk;
pub mod tar;

pub use layout::Layout;
