//! Every store function on both engines.

mod accounts;
mod db;
mod kernels;
mod networks;
mod shares;
