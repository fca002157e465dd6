//! The console in the browser: a bar, and a terminal that is loaded only here. The browser's half is
//! `session` and `xterm`; what decides is [`link`], which is pure.

mod keys;
pub mod link;
#[cfg(feature = "hydrate")]
mod session;
mod shown;
#[cfg(feature = "hydrate")]
mod xterm;

use leptos::html::{Div, Section};
use leptos::prelude::*;
use umbel_guest::GuestId;

use self::keys::KEYS;
use self::link::Event;
use self::shown::{Shown, keyboard_words};
use crate::paths;

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

    fn on(self, event: Event) {
        #[cfg(feature = "hydrate")]
        self.with(|session| {
            session.on(event);
            session.focus();
        });
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, event);
    }

    /// Whether the text was found.
    fn search(self, text: &str, backwards: bool) -> bool {
        #[cfg(feature = "hydrate")]
        return self.with(|session| session.search(text, backwards)).unwrap_or(true);
        #[cfg(not(feature = "hydrate"))]
        {
            let _ = (self, text, backwards);
            true
        }
    }

    fn copy(self) {
        #[cfg(feature = "hydrate")]
        self.with(|session| {
            let _ = window().navigator().clipboard().write_text(&session.selection());
        });
        #[cfg(not(feature = "hydrate"))]
        let _ = self;
    }

    fn paste(self, text: &str) {
        #[cfg(feature = "hydrate")]
        self.with(|session| {
            session.paste(text);
            session.focus();
        });
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, text);
    }

    fn focus(self) {
        #[cfg(feature = "hydrate")]
        self.with(|session| session.focus());
        #[cfg(not(feature = "hydrate"))]
        let _ = self;
    }

    fn screen_reader(self, on: bool) {
        #[cfg(feature = "hydrate")]
        self.with(|session| session.set_screen_reader(on));
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, on);
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

/// The console with its bar, so that nothing is missed there.
fn full_screen(section: NodeRef<Section>) {
    #[cfg(feature = "hydrate")]
    if let Some(element) = section.get_untracked() {
        let _ = element.request_fullscreen();
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = section;
}

#[component]
pub fn Terminal(guest: GuestId) -> impl IntoView {
    let room = NodeRef::<Div>::new();
    let section = NodeRef::<Section>::new();
    let shown = Shown::new();
    let handle = Handle::new();
    #[cfg(feature = "hydrate")]
    handle.open(guest, room, shown);
    let holds = move || shown.state.with(|s| s.as_ref().is_some_and(|s| s.keyboard));
    view! {
        <link rel="stylesheet" href="/terminal.css" />
        <section class="console needs-scripts" aria-label="Console" data-guest=guest.to_string() node_ref=section>
            <div class="console-bar">
                <Facts shown=shown />
                <span class="spacer"></span>
                <Search handle=handle />
                <Buttons guest=guest handle=handle shown=shown section=section />
            </div>
            <PasteQuestion handle=handle shown=shown />
            <div class="terminal" data-follows=move || (!holds()).to_string() node_ref=room></div>
            <KeyRow handle=handle shown=shown />
        </section>
    }
    .into_any()
}

/// How the connection is, who types, how large the guest believes the screen to be, who else is here.
#[component]
fn Facts(shown: Shown) -> impl IntoView {
    let readers =
        move || shown.state.with(|s| s.as_ref().filter(|s| s.readers > 1).map(|s| format!("{} readers", s.readers)));
    let size =
        move || shown.state.with(|s| s.as_ref().filter(|s| s.columns > 0).map(|s| format!("{}×{}", s.columns, s.rows)));
    view! {
        <span class="console-state" role="status" data-open=move || shown.open.get().to_string()>
            <span class="shape disc" aria-hidden="true"></span>
            {move || shown.words.get()}
        </span>
        <span class="console-facts">
            <span class="meta">{move || shown.state.with(|s| keyboard_words(s.as_ref()))}</span>
            <span class="meta">{size}</span>
            <span class="meta">{readers}</span>
        </span>
    }
    .into_any()
}

/// Enter looks on, Shift-Enter back, Escape returns to the terminal.
#[component]
fn Search(handle: Handle) -> impl IntoView {
    let found = RwSignal::new(true);
    view! {
        <input
            class="search"
            type="search"
            placeholder="Search"
            aria-label="Search in the console"
            title="Enter looks on, Shift-Enter back"
            aria-invalid=move || (!found.get()).then_some("true")
            on:input:target=move |event| {
                if event.target().value().is_empty() {
                    found.set(handle.search("", false));
                }
            }
            on:keydown:target=move |event| match event.key().as_str() {
                "Enter" => found.set(handle.search(&event.target().value(), event.shift_key())),
                "Escape" => handle.focus(),
                _ => {}
            }
        />
        <span class="meta" role="status">{move || (!found.get()).then_some("not found")}</span>
    }
    .into_any()
}

#[component]
fn Buttons(guest: GuestId, handle: Handle, shown: Shown, section: NodeRef<Section>) -> impl IntoView {
    let holds = move || shown.state.with(|s| s.as_ref().is_some_and(|s| s.keyboard));
    let closed = move || !shown.open.get();
    // Why this reader may not type at all.
    let denied = move || shown.state.with(|s| s.as_ref().and_then(|s| s.typing_denied).map(|why| why.to_string()));
    let reader = RwSignal::new(false);
    view! {
        <span class="buttons">
            <button
                class="button quiet"
                type="button"
                disabled=move || closed() || denied().is_some()
                title=denied
                on:click=move |_| handle.on(if holds() { Event::ReleaseKeyboard } else { Event::TakeKeyboard })
            >
                {move || if holds() { "Release keyboard" } else { "Take keyboard" }}
            </button>
            <button
                class="button quiet"
                type="button"
                disabled=move || closed() || !holds()
                title=move || denied().or_else(|| (!holds()).then(|| "Take the keyboard first.".to_owned()))
                on:click=move |_| handle.on(Event::CtrlAltDel)
            >
                "Ctrl-Alt-Del"
            </button>
            <button class="button quiet" type="button" title="The selection, or everything" on:click=move |_| handle.copy()>
                "Copy"
            </button>
            <a class="button quiet" href=paths::console_log(guest) download="" rel="external">"Download log"</a>
            <button
                class="button quiet"
                type="button"
                aria-pressed=move || reader.get().to_string()
                title="Lines are read out as they come"
                on:click=move |_| {
                    reader.update(|on| *on = !*on);
                    handle.screen_reader(reader.get_untracked());
                }
            >
                "Screen reader"
            </button>
            <button class="button quiet" type="button" on:click=move |_| full_screen(section)>"Full screen"</button>
        </span>
    }
    .into_any()
}

/// Each line of a paste is run as it arrives, so more than one is asked about first.
#[component]
fn PasteQuestion(handle: Handle, shown: Shown) -> impl IntoView {
    let answer = move |yes: bool| {
        let text = shown.paste.try_update(Option::take).flatten();
        match text.filter(|_| yes) {
            Some(text) => handle.paste(&text),
            None => handle.focus(),
        }
    };
    move || {
        let lines = shown.paste.with(|text| text.as_ref().map(|text| text.lines().count()))?;
        let words = if lines == 1 {
            "Paste a line and run it?".to_owned()
        } else {
            format!("Paste {lines} lines? Each is run as it arrives.")
        };
        Some(view! {
            <div class="console-asks" role="alertdialog" aria-label="Paste">
                <span>{words}</span>
                <button class="button primary" type="button" autofocus=true on:click=move |_| answer(true)>"Paste"</button>
                <button class="button" type="button" on:click=move |_| answer(false)>"Cancel"</button>
            </div>
        })
    }
}

#[component]
fn KeyRow(handle: Handle, shown: Shown) -> impl IntoView {
    // The key would take the focus, and a phone's keyboard would go.
    let keep = |event: leptos::ev::PointerEvent| event.prevent_default();
    let control = view! {
        <button
            class="button"
            type="button"
            aria-pressed=move || shown.control.get().to_string()
            title="With the next key"
            on:pointerdown=keep
            on:click=move |_| shown.control.update(|on| *on = !*on)
        >
            "Ctrl"
        </button>
    };
    let keys = KEYS
        .into_iter()
        .map(|(label, typed, words)| {
            view! {
                <button
                    class="button"
                    type="button"
                    aria-label=words
                    on:pointerdown=keep
                    on:click=move |_| handle.on(Event::Typed(typed.as_bytes().to_vec()))
                >
                    {label}
                </button>
            }
        })
        .collect_view();
    view! { <div class="key-row" role="group" aria-label="Keys">{control}{keys}</div> }.into_any()
}
