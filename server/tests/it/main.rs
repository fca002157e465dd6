//! Integration tests in one binary, a module per noun; `harness` is what they stand on.

mod accounts;
mod faults;
mod guests;
mod harness;
mod host;
mod program;
mod reconciler;
mod serve;
mod sessions;
mod store;
