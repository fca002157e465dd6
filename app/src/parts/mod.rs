//! Pieces that several pages are made of. Classes are those of style/README.md.

pub mod action;
pub mod announcement;
pub mod away;
pub mod badge;
#[cfg(feature = "hydrate")]
pub mod browser;
pub mod cards;
pub mod copied;
pub mod curve;
pub mod dialog;
pub mod form;
pub mod frame;
pub mod graph;
pub mod here;
pub mod icon;
pub mod loaded;
pub mod me;
pub mod once;
pub mod operation;
pub mod pages;
pub mod quota;
pub mod setup;
pub mod table;
pub mod time;
pub mod title;
pub mod upload;
