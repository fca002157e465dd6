use leptos::prelude::*;
use umbel_guest::GuestId;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{ForwardShown, NetworkShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::ForwardDraft,
};

/// One's own; all of them for administrators.
#[server(prefix = "/_sf", endpoint = "network_list", output = Answer)]
pub async fn network_list() -> Result<Vec<NetworkShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.network_list(&caller).await)
}

/// `host_port` may be empty: then the first free one is taken.
#[server(prefix = "/_sf", endpoint = "forward_add", output = Answer)]
pub async fn forward_add(
    guest: GuestId,
    guest_port: String,
    #[server(default)] host_port: String,
) -> Result<ForwardShown, AppError> {
    let caller = told(caller())?;
    let mut wrong = umbel_guest::FieldErrors::default();
    let guest_port = wrong.take(port("guest_port", &guest_port));
    let host_port = match host_port.trim() {
        "" => None,
        text => wrong.take(port("host_port", text)),
    };
    match guest_port {
        Some(guest_port) if wrong.is_empty() => {
            told(backend()?.forward_add(&caller, ForwardDraft { guest, guest_port, host_port }).await)
        }
        _ => told(Err(AppError::Invalid(wrong))),
    }
}

#[cfg(feature = "ssr")]
fn port(field: &str, text: &str) -> Result<u16, umbel_guest::FieldError> {
    text.trim().parse().map_err(|_| umbel_guest::FieldError::new(field, "A port is 1 to 65535."))
}

#[server(prefix = "/_sf", endpoint = "forward_remove", output = Answer)]
pub async fn forward_remove(host_port: u16) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.forward_remove(&caller, host_port).await)
}
