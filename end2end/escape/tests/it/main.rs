//! The escape corpus: every probe of the table through the real agent and shim, with all walls and without
//! those that it names.

#[expect(dead_code, reason = "what the agent's own tests need besides")]
#[path = "../../../../host/agent/tests/it/console.rs"]
mod console;
#[expect(dead_code, reason = "what the agent's own tests need besides")]
#[path = "../../../../host/agent/tests/it/harness.rs"]
mod harness;

mod bombs;
mod by_hand;
mod corpus;
mod cow;
mod hostfs;
mod injection;
mod orphans;
mod races;
mod table;
mod taps;
