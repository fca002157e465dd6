//! The http edge, outside in: [`serve`] listens, [`router`] lists every route, [`layers`] is the stack
//! around them, then a file per kind of answer. Nothing is decided here but who is asking and whether
//! they may be heard.

pub mod address;
pub mod api;
pub mod assets;
mod attachment;
pub mod caller;
pub mod condition;
pub mod confirm;
pub mod connections;
pub mod console;
pub mod cookies;
pub mod downloads;
pub mod error;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod invitation;
pub mod layers;
pub mod metrics;
pub mod oidc;
pub mod openapi;
pub mod origin;
pub mod pages;
pub mod program;
pub mod registration;
pub mod router;
pub mod second_factor;
mod secret;
pub mod serve;
pub mod sign_in;
