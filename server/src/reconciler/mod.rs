//! The only thing that boots or stops guests.
//!
//! - Woken by whoever changes a row, by the host's inventory and by a timer; it takes no input. What it
//!   does after a kill of the panel is what it always does.
//! - [`plan`] decides and touches nothing; [`carry_out`] touches and decides nothing; [`driver`] calls them.
//! - No retries inside: the next pass is the retry.
//! - Nothing is decided on old facts: while the agent is away nothing happens.
//! - An end of the current generation is settled once, by a new generation: stopped, or to be tried
//!   again. It stays visible until the next start.

pub mod carry_out;
pub mod driver;
pub mod plan;

pub use driver::Reconciler;
