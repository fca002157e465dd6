//! A kernel that somebody puts in: its files are sent first, by pages.js, then it is named.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::kernels::KernelAdd;
use crate::parts::form::TextField;
use crate::parts::loaded::{Failure, failure};
use crate::parts::upload::{FileField, Sent};
use crate::paths;

/// With a session of one's own.
const BY_HAND: &str = "\
curl -X POST …/api/v1/uploads
curl -T linux …/api/v1/uploads/UPLOAD/linux
curl --json '{\"upload\":\"UPLOAD\",\"name\":\"mine-7.2\"}' …/api/v1/kernels";

#[component]
pub fn AddForm(add: ServerAction<KernelAdd>) -> impl IntoView {
    let error = failure(add);
    let added = add.value();
    let pending = add.pending();
    view! {
        <section class="card">
            <h2>"Put a kernel in"</h2>
            <p>
                "A User-Mode Linux program for this machine (ELF), or a Debian package "
                <code>"user-mode-linux_…_amd64.deb"</code>
                ", also of another release: then with the packages of the C library that it needs. It is asked in a jail what it can do before anybody is offered it."
            </p>
            <Failure error=error fields=&["name", "note"] />
            {move || added.get().and_then(Result::ok).map(|operation| view! {
                <p class="notice changing" role="status">
                    "It is being looked at. " <a href=paths::operation(operation)>"See how far it is"</a>
                </p>
            })}
            <Sent by_hand=BY_HAND>
                <ActionForm action=add attr:class="form">
                    <FileField label="Files" multiple=true hint="The kernel, or its package and those that it needs besides." />
                    <TextField name="name" label="Name" error=error hint="As guests name it, for example mine-7.2." />
                    <TextField name="note" label="Note" error=error />
                    <button class="button primary" type="submit" disabled=move || pending.get()>"Put it in"</button>
                </ActionForm>
            </Sent>
        </section>
    }
    .into_any()
}
