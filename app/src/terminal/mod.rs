//! The console in the browser: a bar, and a terminal that is loaded only here. The browser's half is
//! `session` and `xterm`; what decides is [`link`], which is pure.

pub mod link;
#[cfg(feature = "hydrate")]
mod session;
mod shown;
#[cfg(feature = "hydrate")]
mod xterm;

use leptos::html::Div;
use leptos::prelude::*;
use umbel_guest::GuestId;

use self::link::Event;
use self::shown::{Shown, keyboard_words};
use crate::paths;

/// Keys that a phone's keyboard lacks: label, what is typed.
const KEYS: [(&str, &str); 12] = [
    ("Esc", "\x1b"),
    ("Tab", "\t"),
    ("Ctrl-C", "\x03"),
    ("Ctrl-D", "\x04"),
    ("↑", "\x1b[A"),
    ("↓", "\x1b[B"),
    ("←", "\x1b[D"),
    ("→", "\x1b[C"),
    ("|", "|"),
    ("/", "/"),
    ("~", "~"),
    ("-", "-"),
];

/// The open session, if any; nothing on a server.
#[derive(Clone, Copy)]
struct Handle {
    #[cfg(feature = "hydrate")]
    session: StoredValue<Option<std::rc::Rc<session::Session>>, LocalStorage>,
}

impl Handle {
    #[cfg(feature = "hydrate")]
    fn new() -> Self {
        Self { session: StoredValue::new_local(None) }
    }

    #[cfg(not(feature = "hydrate"))]
    fn new() -> Self {
        Self {}
    }

    #[cfg(feature = "hydrate")]
    fn open(self, guest: GuestId, room: NodeRef<Div>, shown: Shown) {
        use wasm_bindgen::JsCast as _;

        Effect::new(move |_| {
            let Some(element) = room.get() else { return };
            let element = element.unchecked_into();
            leptos::task::spawn_local(async move {
                match attach(guest, element, shown).await {
                    // Gone again before the script came?
                    Ok(session) => {
                        if self.session.try_set_value(Some(session.clone())).is_some() {
                            session.close();
                        }
                    }
                    Err(_) => shown.words.set("The terminal could not be loaded; reload the page".into()),
                }
            });
        });
        on_cleanup(move || {
            if let Some(session) = self.session.try_update_value(Option::take).flatten() {
                session.close();
            }
        });
    }

    #[cfg(feature = "hydrate")]
    fn with<T>(self, then: impl FnOnce(&std::rc::Rc<session::Session>) -> T) -> Option<T> {
        self.session.try_with_value(Clone::clone).flatten().map(|session| then(&session))
    }

    #[cfg_attr(
        not(feature = "hydrate"),
        expect(unused_variables, clippy::unused_self, reason = "a server has no terminal")
    )]
    fn on(self, event: Event) {
        #[cfg(feature = "hydrate")]
        self.with(|session| {
            session.on(event);
            session.focus();
        });
    }

    #[cfg_attr(
        not(feature = "hydrate"),
        expect(unused_variables, clippy::unused_self, reason = "a server has no terminal")
    )]
    fn search(self, text: &str) {
        #[cfg(feature = "hydrate")]
        self.with(|session| session.search(text));
    }

    #[cfg_attr(not(feature = "hydrate"), expect(clippy::unused_self, reason = "a server has no terminal"))]
    fn copy(self) {
        #[cfg(feature = "hydrate")]
        self.with(|session| {
            let _ = window().navigator().clipboard().write_text(&session.selection());
        });
    }
}

/// The browser's half as a part of the wasm of its own, fetched when the first console is opened.
#[cfg(feature = "hydrate")]
#[lazy]
async fn attach(
    guest: GuestId,
    element: web_sys::HtmlElement,
    shown: Shown,
) -> Result<std::rc::Rc<session::Session>, wasm_bindgen::JsValue> {
    session::open(guest, element, shown).await
}

fn full_screen(room: NodeRef<Div>) {
    #[cfg(feature = "hydrate")]
    if let Some(element) = room.get_untracked() {
        let _ = element.request_fullscreen();
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = room;
}

#[component]
pub fn Terminal(guest: GuestId) -> impl IntoView {
    let room = NodeRef::<Div>::new();
    let shown = Shown::new();
    let handle = Handle::new();
    #[cfg(feature = "hydrate")]
    handle.open(guest, room, shown);
    let holds = move || shown.state.with(|s| s.as_ref().is_some_and(|s| s.keyboard));
    let readers =
        move || shown.state.with(|s| s.as_ref().filter(|s| s.readers > 1).map(|s| format!("{} readers", s.readers)));
    let size =
        move || shown.state.with(|s| s.as_ref().filter(|s| s.columns > 0).map(|s| format!("{}×{}", s.columns, s.rows)));
    let closed = move || !shown.open.get();
    view! {
        <link rel="stylesheet" href="/terminal.css" />
        <section class="console" aria-label="Console" data-guest=guest.to_string()>
            <div class="console-bar">
                <span class="console-state" role="status" data-open=move || shown.open.get().to_string()>
                    {move || shown.words.get()}
                </span>
                <span class="meta">{move || shown.state.with(|s| keyboard_words(s.as_ref()))}</span>
                <span class="meta">{size}</span>
                <span class="meta">{readers}</span>
                <span class="spacer"></span>
                <button
                    class="button"
                    type="button"
                    disabled=closed
                    on:click=move |_| handle.on(if holds() { Event::ReleaseKeyboard } else { Event::TakeKeyboard })
                >
                    {move || if holds() { "Hand over keyboard" } else { "Take keyboard" }}
                </button>
                <input
                    class="search"
                    type="search"
                    placeholder="Search"
                    aria-label="Search in the console"
                    on:change:target=move |event| handle.search(&event.target().value())
                />
                <button class="button" type="button" on:click=move |_| handle.copy()>"Copy"</button>
                <a class="button" href=paths::console_log(guest) download="" rel="external">"Download log"</a>
                <button
                    class="button"
                    type="button"
                    disabled=move || closed() || !holds()
                    title=move || (!holds()).then_some("Take the keyboard first.")
                    on:click=move |_| handle.on(Event::CtrlAltDel)
                >
                    "Ctrl-Alt-Del"
                </button>
                <button class="button" type="button" on:click=move |_| full_screen(room)>"Full screen"</button>
            </div>
            <div class="terminal" node_ref=room></div>
            <div class="key-row" role="group" aria-label="Keys">
                {KEYS
                    .into_iter()
                    .map(|(label, typed)| {
                        view! {
                            <button
                                class="button"
                                type="button"
                                on:click=move |_| handle.on(Event::Typed(typed.as_bytes().to_vec()))
                            >
                                {label}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
        </section>
    }
}
