//! xterm.js behind the few calls that a console needs. `/terminal.js` is loaded only when a console is
//! opened, and leaves one class behind, `UmbelTerminal`.

use std::cell::RefCell;

use js_sys::{Function, Promise, Reflect, Uint8Array};
use leptos::prelude::document;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// The class that `/terminal.js` defines on `globalThis`.
    #[wasm_bindgen(js_name = UmbelTerminal)]
    #[derive(Debug)]
    pub(super) type Xterm;

    /// A promise of the font, so that the first terminal measures the right one.
    #[wasm_bindgen(static_method_of = Xterm, js_class = "UmbelTerminal")]
    fn ready() -> Promise;

    /// Opens a terminal in an element.
    #[wasm_bindgen(constructor, js_class = "UmbelTerminal")]
    pub(super) fn new(element: &HtmlElement) -> Xterm;

    /// Parses bytes; `done` is called once they are.
    #[wasm_bindgen(method)]
    pub(super) fn write(this: &Xterm, bytes: &Uint8Array, done: &Function);

    /// Leaves the alternate screen, half sequences and colours; keeps the text.
    #[wasm_bindgen(method, js_name = softReset)]
    pub(super) fn soft_reset(this: &Xterm);

    /// Removes all text.
    #[wasm_bindgen(method)]
    pub(super) fn clear(this: &Xterm);

    #[wasm_bindgen(method)]
    pub(super) fn resize(this: &Xterm, columns: u16, rows: u16);

    /// `[columns, rows]` that fit into the element now; empty while it has no size.
    #[wasm_bindgen(method)]
    pub(super) fn fit(this: &Xterm) -> Vec<u16>;

    /// Keys, pastes and answers of the terminal, as UTF-8.
    #[wasm_bindgen(method, js_name = onData)]
    pub(super) fn on_data(this: &Xterm, told: &Function);

    /// Asked with the text before it is pasted, which it is if the answer is true.
    #[wasm_bindgen(method, js_name = onPaste)]
    pub(super) fn on_paste(this: &Xterm, ask: &Function);

    #[wasm_bindgen(method)]
    pub(super) fn paste(this: &Xterm, text: &str);

    /// Whether the text was found; looks on from the last hit.
    #[wasm_bindgen(method)]
    pub(super) fn search(this: &Xterm, text: &str, backwards: bool) -> bool;

    #[wasm_bindgen(method)]
    pub(super) fn selection(this: &Xterm) -> String;

    /// All the text that the terminal keeps.
    #[wasm_bindgen(method)]
    pub(super) fn text(this: &Xterm) -> String;

    /// Lines are kept as elements too, which a screen reader finds.
    #[wasm_bindgen(method, js_name = setScreenReader)]
    pub(super) fn set_screen_reader(this: &Xterm, on: bool);

    #[wasm_bindgen(method)]
    pub(super) fn focus(this: &Xterm);

    #[wasm_bindgen(method)]
    pub(super) fn dispose(this: &Xterm);
}

thread_local! {
    static LOADED: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

/// Loads `/terminal.js` once.
pub(super) async fn load() -> Result<(), JsValue> {
    let promise = LOADED.with_borrow_mut(|loaded| loaded.get_or_insert_with(script).clone());
    let came = JsFuture::from(promise).await.map(|_| ());
    if came.is_err() {
        LOADED.set(None);
    }
    came?;
    JsFuture::from(Xterm::ready()).await.map(|_| ())
}

/// A script element rather than an `import()`: that is syntax, which only generated JavaScript could hold.
fn script() -> Promise {
    Promise::new(&mut |done, failed| {
        let Ok(element) = document().create_element("script") else { return };
        // The policy lets in what carries the page's nonce; browsers hide it from the attribute.
        if let Ok(Some(known)) = document().query_selector("script[nonce]")
            && let Ok(nonce) = Reflect::get(&known, &"nonce".into())
            && let Some(nonce) = nonce.as_string()
        {
            let _ = element.set_attribute("nonce", &nonce);
        }
        let _ = element.set_attribute("type", "module");
        let _ = element.set_attribute("src", "/terminal.js");
        let _ = element.add_event_listener_with_callback("load", &done);
        let _ = element.add_event_listener_with_callback("error", &failed);
        if let Some(head) = document().query_selector("head").ok().flatten() {
            let _ = head.append_child(&element);
        }
    })
}
