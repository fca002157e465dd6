use serde::{Deserialize, Serialize};

/// Of what can be changed of a thing: the same as long as that is the same. What a thing does by itself, as a guest
/// that starts, is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Etag(pub String);
