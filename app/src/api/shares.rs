use leptos::prelude::*;
use umbel_guest::{AccountId, GuestId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::ShareShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::ShareDraft,
};

/// Asked only where it may be, so a refusal is no status of the page.
#[server(prefix = "/_sf", endpoint = "share_list", output = Answer)]
pub async fn share_list(guest: GuestId) -> Result<Vec<ShareShown>, AppError> {
    let caller = told(caller())?;
    backend()?.share_list(&caller, guest).await
}

/// Each right is a box of the form; one that isn't ticked isn't sent.
#[server(prefix = "/_sf", endpoint = "share_put", output = Answer)]
pub async fn share_put(
    guest: GuestId,
    name: String,
    #[server(default)] read_console: Option<bool>,
    #[server(default)] type_console: Option<bool>,
    #[server(default)] power: Option<bool>,
    #[server(default)] settings: Option<bool>,
) -> Result<(), AppError> {
    use umbel_guest::GuestRight::{Power, ReadConsole, Settings, TypeConsole};

    let caller = told(caller())?;
    let boxes = [(ReadConsole, read_console), (TypeConsole, type_console), (Power, power), (Settings, settings)];
    let rights = boxes.into_iter().filter(|(_, ticked)| *ticked == Some(true)).map(|(right, _)| right).collect();
    told(backend()?.share_put(&caller, guest, ShareDraft { name, rights }).await).map(|_| ())
}

/// Whoever gave it away may not see it any more; the list is always there.
#[server(prefix = "/_sf", endpoint = "guest_give", output = Answer)]
pub async fn guest_give(guest: GuestId, #[server(default)] to: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_give(&caller, guest, to).await)?;
    leptos_axum::redirect(paths::GUESTS);
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "share_remove", output = Answer)]
pub async fn share_remove(guest: GuestId, account: AccountId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.share_remove(&caller, guest, account).await)?;
    if caller.account.id == account {
        // One's own: the guest isn't there any more.
        leptos_axum::redirect(paths::GUESTS);
    }
    Ok(())
}
