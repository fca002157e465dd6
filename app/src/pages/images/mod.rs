pub mod build;
pub mod import;
pub mod list;
pub mod show;
