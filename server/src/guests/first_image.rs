//! The image that comes with Umbel: asked for whenever the agent comes, so that a fresh panel has
//! something to offer. The agent does nothing where it is there already.

use umbel_app::shown::Topic;
use umbel_guest::ImageId;

use crate::error::chain;
use crate::parts::Parts;

/// As the agent calls it.
const FIRST: &str = "tiny-5";

/// For ever.
pub(super) async fn run(parts: Parts) {
    let first: ImageId = FIRST.parse().expect("a slug");
    let mut heard = parts.link.watch();
    let mut prepared = false;
    loop {
        let here = heard.borrow_and_update().is_here();
        if here && !prepared {
            match parts.link.host.image_prepare(first.clone()).await {
                Ok(image) => {
                    tracing::info!(image = %image.id, sizes = image.sizes.len(), "the first image is ready");
                    parts.events.publish(Topic::Host);
                }
                Err(error) => tracing::warn!(image = %first, cause = chain(&error), "the first image is not ready"),
            }
        }
        prepared = here;
        if heard.changed().await.is_err() {
            return;
        }
    }
}
