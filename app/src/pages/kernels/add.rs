//! A kernel that somebody puts in: its files are sent first, by pages.js, then it is named.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::kernels::KernelAdd;
use crate::parts::form::TextField;
use crate::parts::loaded::{Failure, failure};
use crate::paths;

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
            // Without scripts nothing sends the files.
            <div class="without-scripts">
                <p class="notice">"Sending files needs scripts. From a shell, with a session of yours:"</p>
                <pre class="console-text" tabindex="0">
                    "curl -X POST …/api/v1/uploads\ncurl -T linux …/api/v1/uploads/UPLOAD/linux\ncurl --json '{\"upload\":\"UPLOAD\",\"name\":\"mine-7.2\"}' …/api/v1/kernels"
                </pre>
            </div>
            <div class="needs-scripts" data-uploads=format!("{}/uploads", paths::API)>
                <ActionForm action=add attr:class="form">
                    <input type="hidden" name="upload" value="" />
                    <div class="field">
                        <label for="files">"Files"</label>
                        <input id="files" type="file" multiple required aria-describedby="files-hint files-says" />
                        <p class="hint" id="files-hint">"The kernel, or its package and those that it needs besides."</p>
                        <progress class="bar" data-upload-bar="" max="1" value="0" hidden aria-label="Sent"></progress>
                        <p class="hint" id="files-says" data-upload-says="" role="status"></p>
                    </div>
                    <TextField name="name" label="Name" error=error hint="As guests name it, for example mine-7.2." />
                    <TextField name="note" label="Note" error=error />
                    <button class="button primary" type="submit" disabled=move || pending.get()>"Put it in"</button>
                </ActionForm>
            </div>
        </section>
    }
    .into_any()
}
