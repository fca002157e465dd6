//! From one page of a list to another: links, so that they work without scripts.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// What the address asks for, where it outlives a reload and can be sent to somebody.
pub fn asked(name: &'static str) -> Memo<String> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get(name).unwrap_or_default()))
}

/// `first` is none on the first page, `next` on the last.
#[component]
pub fn Pages(first: Option<String>, next: Option<String>) -> impl IntoView {
    (first.is_some() || next.is_some())
        .then(|| {
            view! {
                <p class="pages">
                    {first.map(|to| view! { <a class="button" href=to>"First page"</a> })}
                    {next.map(|to| view! { <a class="button" href=to rel="next">"Next page"</a> })}
                </p>
            }
        })
        .into_any()
}
