//! The browser's half: one WebSocket on [`paths::EVENTS`], opened again with growing pauses.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use super::backoff_ms;
use super::{Live, MOMENT, Wire};
use crate::parts::browser::{chance, socket_address};
use crate::paths;
use crate::shown::{LiveEvent, Topic};

/// Close code with which the server says that the session is over (4000–4999 are free for
/// applications, RFC 6455, section 7.4.2).
const SIGNED_OUT: u16 = 4401;

/// Lives as long as the tab.
struct Line {
    live: Live,
    /// Tries since the last frame that was heard.
    tries: u32,
    /// Number of the last frame of this connection.
    number: Option<u64>,
}

pub(super) fn open(live: Live) {
    connect(&Rc::new(RefCell::new(Line { live, tries: 0, number: None })));
}

fn connect(line: &Rc<RefCell<Line>>) {
    // The first one goes on from what the document shows; after it all is asked again.
    let made = if line.borrow().tries == 0 { made() } else { None };
    let address = made.map_or_else(|| paths::EVENTS.to_owned(), |made| format!("{}?{MOMENT}={made}", paths::EVENTS));
    let Ok(socket) = WebSocket::new(&socket_address(&address)) else {
        return again(line);
    };
    let opened = {
        let line = Rc::clone(line);
        Closure::<dyn FnMut()>::new(move || {
            let (live, again) = {
                let mut line = line.borrow_mut();
                line.number = None;
                (line.live, std::mem::take(&mut line.tries) > 0)
            };
            live.heard(Wire::Open);
            if again {
                live.changed(Topic::Everything);
            }
        })
    };
    let told = {
        let line = Rc::clone(line);
        Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                hear(&line, &text);
            }
        })
    };
    let closed = {
        let line = Rc::clone(line);
        Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            if event.code() == SIGNED_OUT {
                let live = line.borrow().live;
                live.heard(Wire::SignedOut);
            } else {
                again(&line);
            }
        })
    };
    socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(told.as_ref().unchecked_ref()));
    socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
    // The socket lives as long as the tab or until it closes; some hundred bytes a reconnect.
    opened.forget();
    told.forget();
    closed.forget();
}

/// The moment at which the document was made.
fn made() -> Option<String> {
    let meta = leptos::prelude::document().query_selector(&format!("meta[name={MOMENT}]"));
    meta.ok()??.get_attribute("content")
}

fn hear(line: &Rc<RefCell<Line>>, text: &str) {
    let Ok(event) = serde_json::from_str::<LiveEvent>(text) else { return };
    let (live, gap) = {
        let mut line = line.borrow_mut();
        let gap = line.number.is_some_and(|last| event.number != last + 1);
        line.number = Some(event.number);
        (line.live, gap)
    };
    live.changed(if gap { Topic::Everything } else { event.topic });
}

fn again(line: &Rc<RefCell<Line>>) {
    let (live, wait) = {
        let mut line = line.borrow_mut();
        let wait = backoff_ms(line.tries, chance());
        line.tries = line.tries.saturating_add(1);
        (line.live, wait)
    };
    live.heard(Wire::Lost { retry_ms: wait });
    let line = Rc::clone(line);
    Timeout::new(wait, move || connect(&line)).forget();
}
