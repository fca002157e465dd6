//! Questions before what can't be taken back simply: they name the object and the effect. pages.js
//! opens and closes them; without scripts the way round them is the caller's.

use leptos::prelude::*;

#[component]
pub fn Dialog(#[prop(into)] id: String, #[prop(into)] title: String, children: Children) -> impl IntoView {
    let title_id = format!("{id}-title");
    let named_by = title_id.clone();
    view! {
        <dialog id=id class="dialog" aria-labelledby=named_by>
            <h2 id=title_id>{title}</h2>
            {children()}
        </dialog>
    }
    .into_any()
}

/// Away from the dialog, nothing done.
#[component]
pub fn Cancel() -> impl IntoView {
    view! { <button class="button" type="button" data-closes="" autofocus=true>"Cancel"</button> }.into_any()
}
