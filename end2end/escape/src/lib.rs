//! Everything that is tried against the walls around a guest, as a table, and the program that tries it.
//!
//! A guest's root is taken for arbitrary code with the host uid of its kernel. So the program `umbel-escape`
//! is put in the place of a guest's kernel, through the real agent and shim, and attacks from there; what a
//! guest's root does through a real kernel is tried too. Each [`Probe`] is run twice: with all walls,
//! where it must be blocked, and without those that it names, where it must steal.
//!
//! Reading order: [`probes`], [`orders`], [`attacks`], [`call`], then `tests/it`.

pub mod attacks;
pub mod call;
pub mod orders;
pub mod probes;
