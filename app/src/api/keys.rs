use leptos::prelude::*;
use umbel_guest::KeyId;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::KeyShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::KeyDraft,
};

#[server(prefix = "/_sf", endpoint = "key_list", output = Answer)]
pub async fn key_list() -> Result<Vec<KeyShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.key_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "key_add", output = Answer)]
pub async fn key_add(key: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.key_add(&caller, KeyDraft { key, ..KeyDraft::default() }).await).map(drop)
}

#[server(prefix = "/_sf", endpoint = "key_remove", output = Answer)]
pub async fn key_remove(key: KeyId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.key_remove(&caller, key).await)
}
