//! What is seen: pages, their server functions, the terminal, and the one port into the panel.
//!
//! Read in this order: [`paths`] (the site map), [`shown`] (what may reach a browser), `backend`
//! (what pages may ask of the panel), then `pages`.

#[cfg(feature = "ssr")]
pub mod backend;
pub mod error;
pub mod paths;
pub mod shown;

pub use error::AppError;
