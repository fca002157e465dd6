//! Integration tests in one binary, a module per noun; `harness` is what they stand on.

mod harness;
mod store;
