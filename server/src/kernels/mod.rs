//! The catalogue of kernels: what the host has, what people said about it, who may choose and who may
//! put one in. [`Uploads`] takes files in, [`debian`] reads packages, the operation `kernel_add` does
//! the rest.

mod catalogue;
pub mod choice;
pub mod debian;
mod settings;

use crate::guests::Guests;
use crate::parts::Parts;
use crate::uploads::Uploads;

pub use settings::{allows, settings};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kernels {
    guests: Guests,
    uploads: Uploads,
}

impl Kernels {
    pub fn new(guests: Guests, uploads: Uploads) -> Self {
        Self { guests, uploads }
    }

    fn parts(&self) -> &Parts {
        &self.guests.parts
    }
}
