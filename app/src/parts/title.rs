use leptos::prelude::*;

/// The page's title. In the browser it is set as it is: `Title` of leptos_meta empties the server's first
/// and fills it in later, with a part of the wasm that has to come.
#[component]
pub fn Title(#[prop(into)] text: String) -> impl IntoView {
    let text = format!("{text} · Umbel");
    #[cfg(feature = "hydrate")]
    document().set_title(&text);
    // For whoever writes the head; it leaves nothing where it stands.
    #[cfg(not(feature = "hydrate"))]
    drop(view! { <leptos_meta::Title text=text /> });
}
