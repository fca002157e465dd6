pub mod forwards;
pub mod list;
