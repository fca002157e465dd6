//! What is decided: the http edge, rules by noun, operations, the reconciler, the store.
//!
//! Reading order: [`cli`] (the commands), [`config`], [`serve`] (the panel's life), [`panel`] (every
//! long-lived part), [`http`] (all routes in one list), then a noun: [`guests`], [`networks`], [`kernels`] or
//! [`accounts`]; then [`audit`],
//! [`operations`], [`reconciler`], [`store`].

pub mod accounts;
pub mod announcements;
pub mod audit;
pub mod backend;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod error;
pub mod etag;
pub mod events;
mod giver;
pub mod guests;
mod hex;
pub mod host;
pub mod http;
pub mod identity;
pub mod images;
pub mod inherited;
pub mod kernels;
pub mod logs;
pub mod metrics;
pub mod networks;
pub mod oidc;
pub mod operations;
pub mod outward;
mod pages;
pub mod panel;
pub mod parts;
pub mod quotas;
pub mod reconciler;
pub mod serve;
pub mod store;
mod tls;
pub mod uploads;
pub mod vault;
pub mod volumes;
pub mod webhooks;
