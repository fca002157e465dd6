use leptos::prelude::*;

/// A secret, told once and kept nowhere: what it is, and what is to be known of it.
#[component]
pub fn ShownOnce(
    secret: String,
    #[prop(into)] then: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <p class="notice attention" role="status">
            {children.map(|what| what())}
            <code>{secret.clone()}</code>
            " "
            <button class="button needs-scripts" type="button" data-copy=secret>"Copy"</button>
            {then}
        </p>
    }
    .into_any()
}
