//! The agent as a program, with real shims and real kernels, as root or as an ordinary user. What a
//! test makes on the host is looked for after it: see [`harness`].

mod alone;
mod calls;
mod console;
mod files;
mod harness;
mod images;
mod kernels;
mod kills;
mod life;
mod living;
mod network;
mod outside;
mod packages;
mod parcels;
mod processors;
mod publish;
mod recipes;
mod refusals;
mod repository;
mod room;
mod setup;
mod shut_down;
mod snapshots;
mod switch;
mod tree;
mod user;
mod volumes;
mod walls;
mod whole;
mod workshop;
