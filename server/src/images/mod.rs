//! The catalogue of images: what the host has, what people said about it. [`Uploads`] takes files in, [`fetch`] gets them,
//! [`build`] has them made of packages out of [`mirrors`], the operation `image_import` makes an image of one. What is made of an image is a guest's disk.

pub mod build;
mod catalogue;
pub mod fetch;
mod import;
mod mirrors;
mod registry;
mod sight;

pub(crate) use catalogue::newest;
pub(crate) use sight::images_seen;

use crate::guests::Guests;
use crate::parts::Parts;
use crate::uploads::Uploads;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Images {
    guests: Guests,
    uploads: Uploads,
}

impl Images {
    pub fn new(guests: Guests, uploads: Uploads) -> Self {
        Self { guests, uploads }
    }

    fn parts(&self) -> &Parts {
        &self.guests.parts
    }
}
