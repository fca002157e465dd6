//! The guest as an idea: what it is called, what it is made of, what state it is in and what may be
//! asked of it next. Pure: no clock, no randomness, no IO, so the same code decides in the browser,
//! the server and the agent.
//!
//! Read in this order: [`id`], [`name`], [`spec`], [`state`], [`action`], [`console`].

pub mod action;
pub mod console;
pub mod field;
pub mod id;
pub mod name;
pub mod size;
pub mod spec;
pub mod state;

pub use action::{Action, Refused};
pub use field::{FieldError, FieldErrors};
pub use id::{AccountId, Generation, GuestId, ImageId, InstanceId, KernelId, OperationId};
pub use name::{AccountName, GuestName, Note};
pub use size::{DiskSize, Memory};
pub use spec::{DiskKind, GuestDraft, GuestSpec, RestartPolicy};
pub use state::{Exit, Phase, Seen, Wanted};
