//! What helps when a guest doesn't do as it should: a shell instead of its init, keys of the magic SysRq.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{Action, SysRqKey};

use super::show::GuestContext;
use crate::api::guests::{GuestSetUp, GuestSysrq};
use crate::api::keys::key_list;
use crate::parts::action::ActionButton;
use crate::parts::loaded::{Failure, awaited, failure};
use crate::parts::setup::{FIELDS, SetupFields};
use crate::paths;
use crate::shown::GuestShown;

#[component]
pub fn Rescue() -> impl IntoView {
    let context = GuestContext::expect();
    let press = ServerAction::<GuestSysrq>::new();
    let set_up = ServerAction::<GuestSetUp>::new();
    let keys = Resource::new(|| (), |()| key_list());
    view! {
        <h2>"When it doesn't do as it should"</h2>
        <Failure error=failure(press) />
        <Transition>
            {awaited(move || async move {
                let names = keys.await.unwrap_or_default().into_iter().map(|key| key.name).collect();
                context.guest.await.ok().map(|guest| view! { <SetUp guest=guest keys=names set_up=set_up /> })
            })}
        </Transition>
        <Transition>
            {awaited(move || async move {
                context.guest.await.ok().map(|guest| view! { <Shell guest=guest.clone() /><SysRq guest=guest press=press /> })
            })}
        </Transition>
    }
    .into_any()
}

/// Asks before it acts by being folded: opened, it says what will happen.
#[component]
fn Shell(guest: GuestShown) -> impl IntoView {
    let act = GuestContext::expect().act;
    let name = guest.name.to_string();
    let refused = guest.may(Action::StartShell).err().map(|why| why.to_string());
    view! {
        <details class="rescue">
            <summary>"Lost the password of root"</summary>
            <p>
                {format!("{name} starts once into a shell as root instead of its own init, without asking for a password. ")}
                "Its disk is mounted, no service of it runs. Change the password with " <code>"passwd"</code>
                ", then " <code>"sync"</code> " and restart it."
            </p>
            {refused.map(|why| view! { <p class="hint">{why}</p> })}
            <ActionButton guest=guest action=Action::StartShell act=act words=format!("Start {name} into a shell") />
        </details>
    }
    .into_any()
}

#[component]
fn SetUp(guest: GuestShown, keys: Vec<String>, set_up: ServerAction<GuestSetUp>) -> impl IntoView {
    let (error, pending) = (failure(set_up), set_up.pending());
    // As the panel asks it.
    let refused = guest.may(Action::Change).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        <details class="rescue">
            <summary>"Let somebody in, or run a script, at its next start"</summary>
            <p>
                "An image that knows of it, as Tiny, one of a recipe or one with cloud-init, takes this as it starts, once, and the host "
                "keeps nothing of it afterwards. What came of it stands among the facts above."
            </p>
            {refused.clone().map(|why| view! { <p class="hint">{why}</p> })}
            <Failure error=error fields=&FIELDS />
            <ActionForm action=set_up attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <SetupFields keys=keys error=error />
                <button class="button" type="submit" title=refused disabled=move || disabled || pending.get()>
                    "Tell it at its next start"
                </button>
            </ActionForm>
        </details>
    }
    .into_any()
}

#[component]
fn SysRq(guest: GuestShown, press: ServerAction<GuestSysrq>) -> impl IntoView {
    // Whoever may type may press a key.
    let refused = guest.may(Action::TypeConsole).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    let pending = press.pending();
    let keys = SysRqKey::ALL.into_iter().map(|key| {
        view! { <option value=word(key)>{format!("{} ({})", key.words(), key.key())}</option> }
    });
    let keys = keys.collect_view();
    view! {
        <details class="rescue">
            <summary>"Press a key of the magic SysRq"</summary>
            <p>
                "Its kernel does this itself, also when no program of it answers. What it prints stands in the "
                <a href=paths::guest_console(guest.id)>"console"</a> "."
            </p>
            {refused.clone().map(|why| view! { <p class="hint">{why}</p> })}
            <ActionForm action=press attr:class="row-form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <label class="visually-hidden" for="sysrq-key">"Key"</label>
                <select id="sysrq-key" name="key" disabled=disabled>{keys}</select>
                <button class="button" type="submit" title=refused disabled=move || disabled || pending.get()>"Press"</button>
            </ActionForm>
        </details>
    }
    .into_any()
}

/// As the wire spells it.
fn word(key: SysRqKey) -> &'static str {
    match key {
        SysRqKey::Sync => "sync",
        SysRqKey::ShowMemory => "show_memory",
        SysRqKey::ShowTasks => "show_tasks",
        SysRqKey::ShowBlockedTasks => "show_blocked_tasks",
        SysRqKey::Terminate => "terminate",
        SysRqKey::KillAll => "kill_all",
        SysRqKey::OutOfMemory => "out_of_memory",
        SysRqKey::RemountReadOnly => "remount_read_only",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_spells_keys_as_the_server_reads_them() {
        for key in SysRqKey::ALL {
            assert_eq!(serde_json::to_string(&key).expect("a word"), format!("\"{}\"", word(key)));
        }
    }
}
