use std::fmt;

use serde::Deserialize;
use utoipa::ToSchema;

/// A password on its way in: nothing that prints a form prints it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
