//! What a guest is told once: fields of a form, and what came of it.

use leptos::prelude::*;
use umbel_guest::SetupSeen;

use crate::AppError;
use crate::parts::badge::Mark;
use crate::parts::form::{CodeField, FieldError, TextField};
use crate::parts::time::When;
use crate::paths;

/// Fields that are shown an error beside.
pub const FIELDS: [&str; 5] = ["user", "password", "account_keys", "ssh_keys", "user_data"];

/// `keys` are the names of one's own; a form of a new guest has them ticked.
#[component]
pub fn SetupFields(keys: Vec<String>, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    view! {
        <TextField
            name="user"
            label="User"
            error=error
            hint="Who signs in; made if it isn't there. Empty: the image's own user, mostly root."
        />
        <TextField
            name="password"
            label="Password"
            kind="password"
            error=error
            hint="8 characters or more. Umbel keeps it nowhere. Empty: none, or as it was."
        />
        <AccountKeys keys=keys error=error />
        <CodeField name="ssh_keys" label="Other public keys" rows=2 hint="For SSH, a line each: ssh-ed25519 AAAA…" error=error />
        <CodeField
            name="user_data"
            label="Script"
            rows=5
            hint="Run once as root: it begins with #!/bin/sh, or with #cloud-config where the image has cloud-init."
            error=error
        />
    }
    .into_any()
}

#[component]
fn AccountKeys(keys: Vec<String>, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    if keys.is_empty() {
        return view! {
            <p class="meta">
                "Keys that are on your " <a href=paths::ACCOUNT>"account page"</a> " can be let in with one tick."
            </p>
        }
        .into_any();
    }
    let names = keys.join(", ");
    view! {
        <div class="field">
            <label class="check">
                <input type="checkbox" name="account_keys" value="true" aria-describedby="account_keys-error" />
                <span>"The keys of your account " <span class="hint">{names}</span></span>
            </label>
            <FieldError field="account_keys" error=error />
        </div>
    }
    .into_any()
}

/// As it stands among a guest's facts.
#[component]
pub fn SetupOutcome(seen: SetupSeen) -> impl IntoView {
    match seen {
        SetupSeen::Waits => "waits for its start".into_any(),
        SetupSeen::Done { at } => view! { "done " <When at=at /> }.into_any(),
        SetupSeen::Failed { at, .. } => {
            view! { <Mark shape="▲" class="badge failed" words="Failed" /> " " <When at=at /> }.into_any()
        }
    }
}
