//! What stands around every page: where one can go, who one is, whether the page is live.

use leptos::prelude::*;
use leptos_router::components::A;

use super::me::Me;
use crate::live::{Live, Wire};
use crate::paths;
use crate::shown::Role;

#[component]
pub fn Frame(children: Children) -> impl IntoView {
    view! {
        <a class="skip-link" href="#content">"Skip to content"</a>
        <div class="frame">
            <nav class="sidebar" aria-label="Main">
                <a class="brand" href=paths::OVERVIEW>"Umbel"</a>
                <ul>
                    <li><A href=paths::OVERVIEW exact=true attr:class="nav-overview"><span>"Overview"</span></A></li>
                    <li><A href=paths::GUESTS attr:class="nav-guests"><span>"Guests"</span></A></li>
                    <li><A href=paths::OPERATIONS attr:class="nav-activity"><span>"Activity"</span></A></li>
                    <Administration />
                    <li><A href=paths::ACCOUNT attr:class="nav-account"><span>"Account"</span></A></li>
                </ul>
                <WhoAmI />
            </nav>
            <main id="content" class="content" tabindex="-1">
                <LiveNotice />
                {children()}
            </main>
        </div>
    }
}

/// What only administrators have.
#[component]
fn Administration() -> impl IntoView {
    let me = Me::expect();
    view! {
        <Transition>
            {move || Suspend::new(async move {
                me.is_administrator()
                    .await
                    .then(|| view! { <li><A href=paths::PEOPLE attr:class="nav-people"><span>"People"</span></A></li> })
            })}
        </Transition>
    }
}

#[component]
fn WhoAmI() -> impl IntoView {
    let me = Me::expect();
    view! {
        <div class="sidebar-foot">
            <Transition>
                {move || Suspend::new(async move {
                    me.0.await.ok().map(|me| {
                        let role = match me.role {
                            Role::Administrator => "administrator",
                            Role::User => "user",
                        };
                        view! { <p class="who">{me.name} <span class="meta">{role}</span></p> }
                    })
                })}
            </Transition>
            <form method="post" action=paths::SIGN_OUT>
                <button class="button quiet" type="submit">"Sign out"</button>
            </form>
        </div>
    }
}

/// Says in words when the page isn't live any more. It has its own place, so nothing jumps.
#[component]
fn LiveNotice() -> impl IntoView {
    let live = Live::expect();
    view! {
        <p class="live-notice" role="status" data-live=move || if live.wire() == Wire::Open { "open" } else { "" }>
            {move || live.wire().words()}
            {move || {
                (live.wire() == Wire::SignedOut)
                    .then(|| view! { " " <a href=paths::SIGN_IN rel="external">"Sign in"</a> })
            }}
        </p>
    }
}
