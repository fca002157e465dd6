//! Integration tests.
mod x {}
