//! The catalogue of kernels: what the host has, what people said about it, who may choose and who may
//! put one in. [`uploads`] takes files in, [`debian`] reads packages, the operation `kernel_add` does
//! the rest.

mod catalogue;
pub mod choice;
pub mod debian;
mod settings;
pub mod uploads;

use crate::guests::Guests;
use crate::parts::Parts;

pub use settings::{allows, settings};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kernels {
    guests: Guests,
}

impl Kernels {
    pub fn new(guests: Guests) -> Self {
        Self { guests }
    }

    fn parts(&self) -> &Parts {
        &self.guests.parts
    }
}
