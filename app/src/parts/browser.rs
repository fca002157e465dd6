//! What only a browser has.

/// The address of one of our WebSockets, on the page's own origin.
pub fn socket_address(path: &str) -> String {
    let location = leptos::prelude::window().location();
    let scheme = if location.protocol().is_ok_and(|p| p == "https:") { "wss" } else { "ws" };
    format!("{scheme}://{}{path}", location.host().unwrap_or_default())
}

/// From 0 to 1.
pub fn chance() -> f64 {
    js_sys::Math::random()
}

/// Milliseconds since the epoch.
pub fn now_ms() -> f64 {
    js_sys::Date::now()
}
