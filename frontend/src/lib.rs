//! The wasm entry: makes what the server rendered live.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the hydration script once the wasm is there.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    // Not at once: a page may be a part that has to come first.
    leptos::mount::hydrate_lazy(umbel_app::App);
}
