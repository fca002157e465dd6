//! The wasm entry: makes what the server rendered live.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the hydration script once the wasm is there.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    umbel_app::hydrate();
}
