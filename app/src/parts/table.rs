use leptos::prelude::*;

/// A name and what it is.
#[component]
pub fn Fact(label: &'static str, children: Children) -> impl IntoView {
    view! { <div class="fact"><dt>{label}</dt><dd>{children()}</dd></div> }.into_any()
}

/// How much of something is used, as a bar under its numbers.
#[component]
pub fn Used(label: &'static str, used: u64, total: u64) -> impl IntoView {
    // What is nearly full stands out.
    let class = if used.saturating_mul(10) > total.saturating_mul(9) { "bar attention" } else { "bar" };
    view! { <progress class=class max=total.to_string() value=used.to_string() aria-label=label></progress> }.into_any()
}

/// The page's title with what can be done here.
#[component]
pub fn PageHead(#[prop(into)] title: String, #[prop(optional)] children: Option<Children>) -> impl IntoView {
    view! {
        <header class="page-head">
            <h1>{title}</h1>
            <div class="page-actions">{children.map(|c| c())}</div>
        </header>
    }
    .into_any()
}

/// Around a table of many columns: moved by itself where it is too wide, also by keys.
#[component]
pub fn Sideways(label: &'static str, children: Children) -> impl IntoView {
    view! { <div class="sideways" role="region" aria-label=label tabindex="0">{children()}</div> }.into_any()
}
