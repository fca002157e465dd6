//! What tests stand on.

pub(crate) mod db;
pub(crate) mod edge;
pub(crate) mod panel;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod s3;
pub(crate) mod shim;
