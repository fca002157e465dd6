//! The console in the browser.

use leptos::prelude::*;
use umbel_guest::GuestId;

use crate::paths;

#[component]
pub fn Terminal(guest: GuestId) -> impl IntoView {
    view! {
        <section class="console" data-guest=guest.to_string()>
            <a class="button" href=paths::console_log(guest) download="" rel="external">"Download log"</a>
        </section>
    }
}
