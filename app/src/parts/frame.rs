//! What stands around every page: where one can go, who one is, whether the page is live.

use leptos::prelude::*;
use leptos_router::components::A;
use umbel_guest::PanelRight;

use super::announcement::Announcement;
use super::dialog::Dialog;
use super::icon::{Drawn, Icon};
use super::loaded::awaited;
use super::me::Me;
use crate::live::{Live, Wire};
use crate::paths;

#[component]
pub fn Frame(children: Children) -> impl IntoView {
    view! {
        <a class="skip-link" href="#content" rel="external">"Skip to content"</a>
        <div class="frame">
            <nav class="sidebar" aria-label="Main">
                <div class="sidebar-head">
                    <a class="brand" href=paths::OVERVIEW><Drawn icon=Icon::Umbel />"Umbel"</a>
                    <button class="button quiet fold needs-scripts" type="button" data-folds="" title="Fold the sidebar">
                        <Drawn icon=Icon::Fold />
                        <span class="visually-hidden">"Fold the sidebar"</span>
                    </button>
                </div>
                <ul>
                    <Place href=paths::OVERVIEW go="o" icon=Icon::Overview words="Overview" exact=true />
                    <Place href=paths::GUESTS go="g" icon=Icon::Guests words="Guests" />
                    <Place href=paths::IMAGES go="i" icon=Icon::Images words="Images" />
                    <Place href=paths::NETWORKS go="w" icon=Icon::Networks words="Networks" />
                    <Place href=paths::VOLUMES go="v" icon=Icon::Volumes words="Volumes" />
                    <Place href=paths::OPERATIONS go="a" icon=Icon::Activity words="Activity" />
                    <Place href=paths::GROUPS go="r" icon=Icon::Groups words="Groups" />
                    <Administration />
                    <Place href=paths::ACCOUNT go="m" icon=Icon::Account words="Account" />
                </ul>
                <WhoAmI />
            </nav>
            <main id="content" class="content" tabindex="-1">
                <LiveNotice />
                <Announcement />
                {children()}
            </main>
        </div>
        <Help />
    }
}

/// Somewhere to go; `go` is its key after g.
#[component]
fn Place(
    href: &'static str,
    go: &'static str,
    icon: Icon,
    words: &'static str,
    #[prop(optional)] exact: bool,
) -> impl IntoView {
    view! {
        <li>
            <A href=href exact=exact attr:class="nav-link" attr:data-go=go attr:title=words>
                <Drawn icon=icon />
                <span>{words}</span>
            </A>
        </li>
    }
    .into_any()
}

/// What few have.
#[component]
fn Administration() -> impl IntoView {
    let me = Me::expect();
    view! {
        <Transition>
            {awaited(move || async move {
                let audit = me.may(PanelRight::ReadAudit).await.is_ok();
                let people = me.may(PanelRight::ManagePeople).await.is_ok();
                let announce = me.may(PanelRight::Announce).await.is_ok();
                let webhooks = me.may(PanelRight::ManageWebhooks).await.is_ok();
                let quotas = me.may(PanelRight::ManageQuotas).await.is_ok();
                let kernels = me.may(PanelRight::ManageKernels).await.is_ok();
                let host = me.may(PanelRight::SeeHost).await.is_ok();
                view! {
                    {audit.then(|| view! { <Place href=paths::AUDIT go="t" icon=Icon::Audit words="Audit" /> })}
                    {people.then(|| view! { <Place href=paths::PEOPLE go="p" icon=Icon::People words="People" /> })}
                    {announce.then(|| view! {
                        <Place href=paths::ANNOUNCEMENT go="n" icon=Icon::Announcement words="Announcement" />
                    })}
                    {webhooks.then(|| view! {
                        <Place href=paths::WEBHOOKS go="e" icon=Icon::Webhooks words="Webhooks" />
                    })}
                    {quotas.then(|| view! { <Place href=paths::QUOTAS go="q" icon=Icon::Quotas words="Quotas" /> })}
                    {kernels.then(|| view! { <Place href=paths::KERNELS go="k" icon=Icon::Kernels words="Kernels" /> })}
                    {host.then(|| view! {
                        <Place href=paths::HOST go="h" icon=Icon::Host words="Host" />
                        <Place href=paths::DOCTOR go="d" icon=Icon::Doctor words="Doctor" />
                    })}
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn WhoAmI() -> impl IntoView {
    let me = Me::expect();
    view! {
        <div class="sidebar-foot">
            <Transition>
                {awaited(move || async move {
                    me.0.await.ok().map(|me| view! {
                        <p class="who"><span class="who-name">{me.name}</span> <span class="meta">{me.role.word()}</span></p>
                    })
                })}
            </Transition>
            <SignOut class="button quiet" />
        </div>
    }
    .into_any()
}

#[component]
pub fn SignOut(class: &'static str) -> impl IntoView {
    view! {
        <form method="post" action=paths::SIGN_OUT>
            <button class=class type="submit" title="Sign out"><Drawn icon=Icon::SignOut /><span>"Sign out"</span></button>
        </form>
    }
    .into_any()
}

/// Says in words when the page isn't live any more. It has its own place, so nothing jumps.
#[component]
fn LiveNotice() -> impl IntoView {
    let live = Live::expect();
    view! {
        <p class="live-notice" role="status" data-live=move || live.wire().word()>
            {move || live.wire().words()}
            {move || {
                (live.wire() == Wire::SignedOut)
                    .then(|| view! { " " <a href=paths::SIGN_IN rel="external">"Sign in"</a> })
            }}
        </p>
    }
    .into_any()
}

/// Keys on every page; pages.js has their meaning.
const KEYS: [(&str, &str); 11] = [
    ("/", "Filter the list"),
    ("n", "New guest"),
    ("g g", "Guests"),
    ("g o", "Overview"),
    ("g i", "Images"),
    ("g w", "Networks"),
    ("g v", "Volumes"),
    ("g a", "Activity"),
    ("g m", "Account"),
    ("?", "These keys"),
    ("Esc", "Close what is open"),
];

/// Keys in a console, where all others are the guest's.
const CONSOLE_KEYS: [(&str, &str); 4] = [
    ("Ctrl Shift C", "Copy the selection"),
    ("Ctrl Shift V", "Paste"),
    ("Ctrl Shift F", "Search"),
    ("Ctrl Shift ↑", "Leave the console for its bar"),
];

#[component]
fn Help() -> impl IntoView {
    let keys = |keys: &'static [(&'static str, &'static str)]| {
        keys.iter()
            .map(|(key, words)| {
                let keys = key.split(' ').map(|key| view! { <kbd>{key}</kbd> " " }).collect_view();
                view! { <dt>{keys}</dt><dd>{*words}</dd> }
            })
            .collect_view()
    };
    view! {
        <Dialog id="help" title="Keys">
            <dl class="keys">{keys(&KEYS)}</dl>
            <h3>"In a console every key is the guest's, but"</h3>
            <dl class="keys">{keys(&CONSOLE_KEYS)}</dl>
            <div class="dialog-actions"><button class="button" type="button" data-closes="">"Close"</button></div>
        </Dialog>
    }
    .into_any()
}
