//! Files of a form, which pages.js sends before the form itself.

use leptos::prelude::*;

use crate::paths;

/// Around such a form. Without scripts nothing sends the files: `by_hand` is what sends them from a shell then.
#[component]
pub fn Sent(by_hand: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="without-scripts">
            <p class="notice">"Sending files needs scripts. From a shell:"</p>
            <pre class="console-text" tabindex="0">{by_hand}</pre>
        </div>
        <div class="needs-scripts" data-uploads=format!("{}/uploads", paths::API)>{children()}</div>
    }
    .into_any()
}

/// The same where another address than the usual gives a place for them.
#[component]
pub fn SentTo(begin: String, by_hand: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="without-scripts">
            <p class="notice">"Sending files needs scripts. From a shell:"</p>
            <pre class="console-text" tabindex="0">{by_hand}</pre>
        </div>
        <div class="needs-scripts" data-uploads=format!("{}/uploads", paths::API) data-uploads-begin=begin>{children()}</div>
    }
    .into_any()
}

/// What is chosen, and how much of it is sent.
#[component]
pub fn FileField(label: &'static str, #[prop(optional)] multiple: bool, hint: &'static str) -> impl IntoView {
    view! {
        <input type="hidden" name="upload" value="" />
        <div class="field">
            <label for="files">{label}</label>
            <input id="files" type="file" multiple=multiple required aria-describedby="files-hint files-says" />
            <p class="hint" id="files-hint">{hint}</p>
            <progress class="bar" data-upload-bar="" max="1" value="0" hidden aria-label="Sent"></progress>
            <p class="hint" id="files-says" data-upload-says="" role="status"></p>
        </div>
    }
    .into_any()
}
