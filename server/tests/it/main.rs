//! Integration tests in one binary, a module per noun; `harness` is what they stand on.

mod accounts;
mod api;
mod audit;
mod console;
mod faults;
mod guests;
mod harness;
mod host;
mod http;
mod kernels;
mod live;
mod living;
mod metrics;
mod networks;
mod program;
mod quotas;
mod real_host;
mod reconciler;
mod serve;
mod sessions;
mod sharing;
mod sign_in;
mod store;
mod tokens;
mod umbelctl;
mod walk;
