//! A folder per noun, a file per verb, as in the addresses.

pub mod account;
pub mod guests;
pub mod not_found;
pub mod operations;
pub mod overview;
pub mod people;
