//! What the bar over the terminal says.

use leptos::prelude::*;
use umbel_guest::console::{Closed, ConsoleState};

use super::link::{Link, Phase};

/// Told by the session, read by the bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) words: RwSignal<String>,
    pub(super) state: RwSignal<Option<ConsoleState>>,
    pub(super) open: RwSignal<bool>,
    /// Several lines that wait for a yes before they are pasted.
    pub(super) paste: RwSignal<Option<String>>,
    /// Whether the next key is one with Ctrl.
    pub(super) control: RwSignal<bool>,
}

impl Shown {
    pub(super) fn new() -> Self {
        Self {
            words: RwSignal::new("Loading the terminal".into()),
            state: RwSignal::new(None),
            open: RwSignal::new(false),
            paste: RwSignal::new(None),
            control: RwSignal::new(false),
        }
    }

    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a browser has a session"))]
    /// Nobody reads it any more where the page was left while the terminal was on its way.
    pub(super) fn tell(self, link: &Link) {
        let words = words(link.phase(), link.state());
        if self.words.try_with_untracked(|w| *w != words) == Some(true) {
            self.words.set(words);
        }
        if self.state.try_with_untracked(|s| s.as_ref() != link.state()) == Some(true) {
            self.state.set(link.state().cloned());
        }
        let open = *link.phase() == Phase::Open;
        if self.open.try_get_untracked() == Some(!open) {
            self.open.set(open);
        }
    }
}

/// How the connection is, in words.
pub(super) fn words(phase: &Phase, state: Option<&ConsoleState>) -> String {
    match (phase, state) {
        (Phase::Connecting, _) => "Connecting".into(),
        (Phase::Waiting { .. }, _) => "Connection lost, trying again".into(),
        (Phase::Over(Closed::RightsChanged), _) => "You may not read this console any more".into(),
        (Phase::Over(Closed::Purged), _) => "The guest is purged; this is what was left on the screen".into(),
        (Phase::Over(_), _) => "Closed by the panel".into(),
        (Phase::Open, Some(state)) => format!("Connected, guest {}", state.badge.word().to_lowercase()),
        (Phase::Open, None) => "Connected".into(),
    }
}

/// Who holds the keyboard, in words.
pub(super) fn keyboard_words(state: Option<&ConsoleState>) -> String {
    match state {
        None => String::new(),
        Some(state) if state.keyboard => "You hold the keyboard".into(),
        Some(state) if state.typing_denied.is_some() => match &state.keyboard_holder {
            Some(name) => format!("You read only, {name} holds the keyboard"),
            None => "You read only".into(),
        },
        Some(state) => match &state.keyboard_holder {
            Some(name) => format!("{name} holds the keyboard"),
            None => "Nobody holds the keyboard".into(),
        },
    }
}
