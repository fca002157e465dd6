use leptos::prelude::*;

/// A short text in the mono font, with a button that copies it.
#[component]
pub fn Copied(
    #[prop(into)] text: String,
    /// What is seen of it, if it is shortened.
    #[prop(optional, into)]
    short: Option<String>,
) -> impl IntoView {
    let shown = short.unwrap_or_else(|| text.clone());
    view! {
        <span class="id">
            <code title=text.clone()>{shown.clone()}</code>
            <button class="button quiet needs-scripts" type="button" data-copy=text>
                "Copy" <span class="visually-hidden">{format!(" {shown}")}</span>
            </button>
        </span>
    }
    .into_any()
}
