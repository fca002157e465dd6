pub mod activity;
pub mod console;
pub mod list;
pub mod new;
pub mod settings;
pub mod show;
