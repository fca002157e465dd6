//! What tests stand on.

pub(crate) mod db;
pub(crate) mod postgres;
