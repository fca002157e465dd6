//! The http edge: whose connection it is ([`address`]), and how it is served ([`serve`]).

pub mod address;
pub mod serve;
