//! The agent as a program, with real shims and real kernels, as root or as an ordinary user. What a
//! test makes on the host is looked for after it: see [`harness`].

mod console;
mod harness;
mod kills;
mod life;
mod refusals;
mod user;
