//! The browser's half: carries out what the [`Link`] orders, and tells it what happens.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::*;
use umbel_guest::GuestId;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, HtmlElement, MessageEvent, ResizeObserver, WebSocket};

use super::keys::with_control;
use super::link::{Event, Link, Order};
use super::shown::Shown;
use super::xterm::{self, Xterm};
use crate::parts::browser::{chance, now_ms, socket_address};
use crate::paths;

/// A size is told once it has stood still for so long, in ms.
const RESIZE_MS: u32 = 120;

/// An open console: keeps everything alive that JavaScript calls.
pub(super) struct Session {
    guest: GuestId,
    link: RefCell<Link>,
    term: Xterm,
    shown: Shown,
    socket: RefCell<Option<Socket>>,
    retry: RefCell<Option<Timeout>>,
    ack: RefCell<Option<Timeout>>,
    resize: RefCell<Option<Timeout>>,
    kept: RefCell<Option<Kept>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("guest", &self.guest).finish_non_exhaustive()
    }
}

/// What the terminal and the observer call for as long as the session lives.
struct Kept {
    observer: ResizeObserver,
    _sized: Closure<dyn FnMut()>,
    _data: Closure<dyn FnMut(String)>,
    _paste: Closure<dyn FnMut(String) -> bool>,
}

struct Socket {
    socket: WebSocket,
    _opened: Closure<dyn FnMut()>,
    _told: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// Loads the terminal and attaches it to the guest's console.
pub(super) async fn open(guest: GuestId, element: HtmlElement, shown: Shown) -> Result<Rc<Session>, JsValue> {
    xterm::load().await?;
    let term = Xterm::new(&element);
    let (link, orders) = Link::start();
    let session = Rc::new(Session {
        guest,
        link: RefCell::new(link),
        term,
        shown,
        socket: RefCell::new(None),
        retry: RefCell::new(None),
        ack: RefCell::new(None),
        resize: RefCell::new(None),
        kept: RefCell::new(None),
    });
    session.listen(&element)?;
    session.fit();
    session.carry_out(orders);
    Ok(session)
}

impl Session {
    pub(super) fn on(self: &Rc<Self>, event: Event) {
        let orders = self.link.borrow_mut().on(event);
        self.carry_out(orders);
        self.shown.tell(&self.link.borrow());
    }

    pub(super) fn search(&self, text: &str, backwards: bool) -> bool {
        self.term.search(text, backwards)
    }

    /// What is selected; without a selection everything.
    pub(super) fn selection(&self) -> String {
        Some(self.term.selection()).filter(|text| !text.is_empty()).unwrap_or_else(|| self.term.text())
    }

    pub(super) fn paste(&self, text: &str) {
        self.term.paste(text);
    }

    pub(super) fn set_screen_reader(&self, on: bool) {
        self.term.set_screen_reader(on);
    }

    pub(super) fn focus(&self) {
        self.term.focus();
    }

    /// Ends it: nothing calls back afterwards.
    pub(super) fn close(&self) {
        self.socket.take();
        self.retry.take();
        self.ack.take();
        self.resize.take();
        if let Some(kept) = self.kept.take() {
            kept.observer.disconnect();
        }
        self.term.dispose();
    }

    fn listen(self: &Rc<Self>, element: &HtmlElement) -> Result<(), JsValue> {
        let weak = Rc::downgrade(self);
        let data = Closure::<dyn FnMut(String)>::new(move |text: String| {
            if let Some(session) = weak.upgrade() {
                let held = session.shown.control.try_get_untracked().unwrap_or_default();
                let typed =
                    held.then(|| with_control(&text)).flatten().map_or_else(|| text.into_bytes(), |key| vec![key]);
                if held {
                    session.shown.control.set(false);
                }
                session.on(Event::Typed(typed));
            }
        });
        self.term.on_data(data.as_ref().unchecked_ref());
        let asked = self.shown.paste;
        let paste = Closure::<dyn FnMut(String) -> bool>::new(move |text: String| {
            let one = text.trim_end_matches(['\r', '\n']).lines().count() < 2 && !text.ends_with(['\r', '\n']);
            if !one {
                asked.set(Some(text));
            }
            one
        });
        self.term.on_paste(paste.as_ref().unchecked_ref());
        let weak = Rc::downgrade(self);
        let sized = Closure::<dyn FnMut()>::new(move || {
            if let Some(session) = weak.upgrade() {
                let later = Rc::downgrade(&session);
                let timeout = Timeout::new(RESIZE_MS, move || {
                    if let Some(session) = later.upgrade() {
                        session.fit();
                    }
                });
                *session.resize.borrow_mut() = Some(timeout);
            }
        });
        let observer = ResizeObserver::new(sized.as_ref().unchecked_ref())?;
        observer.observe(element);
        *self.kept.borrow_mut() = Some(Kept { observer, _sized: sized, _data: data, _paste: paste });
        Ok(())
    }

    fn fit(self: &Rc<Self>) {
        if let [columns, rows] = *self.term.fit() {
            self.on(Event::Resized { columns, rows });
        }
    }

    fn carry_out(self: &Rc<Self>, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Connect { from } => self.connect(from),
                Order::Disconnect => drop(self.socket.take()),
                Order::Send(frame) => {
                    if let Some(socket) = self.socket.borrow().as_ref() {
                        // A socket that is closing tells us so by itself.
                        let _ = socket.socket.send_with_u8_array(&frame);
                    }
                }
                Order::Write { bytes, upto } => self.write(&bytes, upto),
                Order::Skip { bytes, upto } => {
                    self.term.soft_reset();
                    let text = format!("\r\n\x1b[7m skipped {} KiB \x1b[0m\r\n", bytes.div_ceil(1024));
                    self.write(text.as_bytes(), upto);
                }
                Order::Clear => self.term.clear(),
                Order::Size { columns, rows } => self.term.resize(columns, rows),
                Order::RetryIn { ms } => *self.retry.borrow_mut() = Some(self.later(ms, || Event::Retry)),
                Order::AckIn { ms } => {
                    *self.ack.borrow_mut() = Some(self.later(ms, || Event::AckDue { now: now_ms() }));
                }
            }
        }
    }

    fn write(self: &Rc<Self>, bytes: &[u8], upto: u64) {
        let weak = Rc::downgrade(self);
        let drawn = Closure::once_into_js(move || {
            if let Some(session) = weak.upgrade() {
                session.on(Event::Drawn { offset: upto, now: now_ms() });
            }
        });
        self.term.write(&Uint8Array::from(bytes), drawn.unchecked_ref());
    }

    fn later(self: &Rc<Self>, ms: u32, event: impl FnOnce() -> Event + 'static) -> Timeout {
        let weak = Rc::downgrade(self);
        Timeout::new(ms, move || {
            if let Some(session) = weak.upgrade() {
                session.on(event());
            }
        })
    }

    fn connect(self: &Rc<Self>, from: Option<u64>) {
        let query = from.map(|offset| format!("?from={offset}")).unwrap_or_default();
        let address = socket_address(&format!("{}{query}", paths::console_socket(self.guest)));
        let Ok(socket) = WebSocket::new(&address) else {
            let timeout = self.later(0, || Event::Lost { now: now_ms(), chance: chance() });
            *self.retry.borrow_mut() = Some(timeout);
            return;
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let weak = Rc::downgrade(self);
        let opened = Closure::<dyn FnMut()>::new(move || {
            if let Some(session) = weak.upgrade() {
                session.on(Event::Opened);
            }
        });
        let weak = Rc::downgrade(self);
        let told = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let (Some(session), Ok(buffer)) = (weak.upgrade(), event.data().dyn_into::<ArrayBuffer>()) {
                session.on(Event::Frame(Uint8Array::new(&buffer).to_vec()));
            }
        });
        let weak = Rc::downgrade(self);
        let closed = Closure::<dyn FnMut()>::new(move || {
            if let Some(session) = weak.upgrade() {
                session.on(Event::Lost { now: now_ms(), chance: chance() });
            }
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(told.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        let socket = Socket { socket, _opened: opened, _told: told, _closed: closed };
        // The old socket's closures may be running: they are dropped a turn later.
        if let Some(old) = self.socket.replace(Some(socket)) {
            Timeout::new(0, move || drop(old)).forget();
        }
    }
}
