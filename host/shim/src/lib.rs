//! One small process per guest: it holds the guest's terminal and console history, tells how the
//! kernel fares, and outlives panel and agent. Where namespaces are to be had it is pid 1 of the
//! guest's own PID namespace, so whatever kills it kills the whole guest.
//!
//! One thread, one poll(2), no timers while nothing happens. Reading order: [`launch`], [`landlock`] and
//! [`seccomp`] (walls that need no right), [`driver`] (the loop), [`run`] (how the kernel stands), [`pause`], [`reader`] (a connection and its cursor).

pub mod driver;
pub mod landlock;
pub mod launch;
pub mod pause;
pub mod reader;
pub mod run;
pub mod seccomp;
