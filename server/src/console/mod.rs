//! Consoles of guests, on their way from a shim to any number of readers.
//!
//! ```text
//! shim ──chunks──▶ reader (one per WebSocket) ──frames──▶ browser
//!  ▲ ▲                │  ▲
//!  │ └──acks, size────┘  ├── hub (one per guest): who is here, who holds keyboard and size
//!  └────keys── typist ◀──┤
//! console.ring ──kept────┘   read when there is no shim
//! ```
//! Every reader has its own connection to the shim, so there is no queue here that a slow reader could
//! fill: the shim keeps a cursor for each and never sends more than a window ahead of what the
//! browser has drawn. Keys go another way, so that a guest that takes none holds up no output.

mod hub;
mod kept;
mod reader;
mod rights;
mod shim;
mod typist;

pub use hub::{Attachment, Consoles, Holding};
pub use kept::{Log, LogError, Piece, log};
pub use reader::{Reader, ReaderEnd, Told};
pub use rights::{Standing, watch};
