//! What is seen: pages, their server functions, the terminal, and the one port into the panel.
//!
//! Read in this order: [`paths`] (the site map), [`shown`] (what may reach a browser), `backend`
//! (what pages may ask of the panel), [`app`] (routes), then [`pages`].
//!
//! What the server calls: [`shell`] with its `LeptosOptions` (`output_name` must be [`OUTPUT_NAME`]),
//! [`App`] for the list of routes, and [`plain`] for pages that need neither Leptos nor wasm:
//! `plain::sign_in_page(&SignInView, nonce)`, `plain::first_run_page(&NewAccountView, nonce)`,
//! `plain::new_password_page(&NewPasswordView, nonce)`, `plain::message_page(&MessageView, nonce)`.
//! Into the context of every page and server function it puts an `Arc<dyn Backend>` and an
//! `Option<Caller>`; who is not signed in never gets as far as a page.

// A page's type holds that of everything on it.
#![recursion_limit = "256"]

pub mod api;
pub mod app;
#[cfg(feature = "ssr")]
pub mod backend;
pub mod codec;
pub mod error;
pub mod live;
pub mod pages;
pub mod parts;
pub mod paths;
pub mod plain;
#[cfg(feature = "ssr")]
pub mod proof;
pub mod shown;
pub mod terminal;

#[cfg(feature = "hydrate")]
pub use app::hydrate;
pub use app::{App, OUTPUT_NAME, shell};
pub use error::AppError;
