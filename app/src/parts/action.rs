//! Buttons that ask something of a guest. What may not be asked is disabled, with the reason: the same
//! function decides here and in the server.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::Action;

use super::icon::{Drawn, Icon};
use crate::api::guests::GuestAct;
use crate::shown::GuestShown;

/// One button in a form of its own, so that it works without scripts.
#[component]
pub fn ActionButton(
    guest: GuestShown,
    action: Action,
    act: ServerAction<GuestAct>,
    #[prop(default = "button")] class: &'static str,
    /// Other words than the action's own.
    #[prop(optional)]
    words: Option<String>,
    /// Before the words; in a table's row instead of them.
    #[prop(optional)]
    icon: Option<Icon>,
) -> impl IntoView {
    let refused = guest.may(action).err().map(|why| why.to_string());
    let id = guest.id.to_string();
    let reason_id = format!("why-{}-{}", word(action), guest.id.short());
    let title = refused.clone().or_else(|| icon.is_some().then(|| action.word().to_owned()));
    let described = refused.is_some().then(|| reason_id.clone());
    let pending = act.pending();
    let disabled = refused.is_some();
    view! {
        <ActionForm action=act attr:class="inline">
            <input type="hidden" name="guest" value=id />
            <input type="hidden" name="action" value=word(action) />
            <button
                class=class
                type="submit"
                title=title
                aria-describedby=described
                disabled=move || disabled || pending.get()
            >
                {icon.map(|icon| view! { <Drawn icon=icon /> })}
                {match words {
                    Some(words) => view! { <span class="label">{words}</span> }.into_any(),
                    None => view! {
                        <span class="label">{action.word()}</span>
                        <span class="visually-hidden">{format!(" {}", guest.name)}</span>
                    }
                    .into_any(),
                }}
            </button>
            {refused.map(|why| view! { <span class="visually-hidden" id=reason_id>{why}</span> })}
        </ActionForm>
    }
    .into_any()
}

/// As the wire spells it.
fn word(action: Action) -> &'static str {
    match action {
        Action::Start => "start",
        Action::ShutDown => "shut_down",
        Action::Kill => "kill",
        Action::Restart => "restart",
        Action::Pause => "pause",
        Action::Resume => "resume",
        Action::StartShell => "start_shell",
        Action::Reset => "reset",
        Action::Snapshot => "snapshot",
        Action::Limit => "limit",
        Action::Change => "change",
        Action::Rename => "rename",
        Action::Delete => "delete",
        Action::Undelete => "undelete",
        Action::Purge => "purge",
        Action::ReadConsole => "read_console",
        Action::TypeConsole => "type_console",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_spells_actions_as_the_server_reads_them() {
        for action in [
            Action::Start,
            Action::ShutDown,
            Action::Kill,
            Action::Restart,
            Action::Pause,
            Action::Resume,
            Action::StartShell,
            Action::Reset,
            Action::Delete,
            Action::Undelete,
            Action::Purge,
        ] {
            assert_eq!(serde_json::to_string(&action).expect("a word"), format!("\"{}\"", word(action)));
        }
    }
}
