//! What may reach a browser: never rows, never secrets. Times are µs since the epoch, UTC.

mod account;
mod guest;
mod host;
mod live;
mod operation;

pub use account::{AccountShown, FirstPassword, Role, SessionShown};
pub use guest::{ConsoleTail, Created, GuestChange, GuestForm, GuestShown};
pub use host::{AgentLink, HostShown, ImageShown, KernelShown, OverviewShown, WallShown};
pub use live::{LiveEvent, Topic};
pub use operation::{LogLine, OperationKind, OperationShown, OperationState, StepShown, StepState};
