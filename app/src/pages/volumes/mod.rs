pub mod list;
pub mod of_guest;
