use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{Action, GuestRight, Wanted};

use super::choices::{AutostartChoice, KernelFields, LIMITS, LimitFields};
use super::new::RestartChoice;
use super::show::{GuestContext, deletion};
use crate::api::guests::{
    GuestLimit, GuestPurge, GuestReconfigure, GuestRename, GuestSetAutostart, guest_choices, guest_fetch,
};
use crate::api::missing;
use crate::parts::action::ActionButton;
use crate::parts::form::{FieldError, TextField};
use crate::parts::loaded::{Failure, Skeleton, awaited, failure};
use crate::shown::{GuestShown, KernelChoice};

#[component]
pub fn GuestSettingsPage() -> impl IntoView {
    let context = GuestContext::expect();
    let rename = ServerAction::<GuestRename>::new();
    let change = ServerAction::<GuestReconfigure>::new();
    let limit = ServerAction::<GuestLimit>::new();
    let autostart = ServerAction::<GuestSetAutostart>::new();
    let purge = ServerAction::<GuestPurge>::new();
    let form = Resource::new(|| (), |()| guest_choices());
    let guest = Resource::new(
        move || {
            let own = (limit.version().get(), autostart.version().get());
            (rename.version().get(), change.version().get(), own, context.act.version().get(), context.id.get())
        },
        |(.., id)| async move { guest_fetch(id.ok_or_else(|| missing("guest"))?).await },
    );
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let kernels = form.await.map(|f| f.kernels).unwrap_or_default();
                guest.await.ok().map(|guest| view! {
                    {guest.access.may(GuestRight::Settings).err().map(|why| view! { <p class="notice">{why.to_string()}</p> })}
                    <RenameForm guest=guest.clone() rename=rename />
                    <LimitForm guest=guest.clone() limit=limit />
                    <AutostartForm guest=guest.clone() autostart=autostart />
                    <ChangeForm guest=guest.clone() kernels=kernels change=change />
                    <Ending guest=guest purge=purge />
                })
            })}
        </Transition>
    }
}

#[component]
fn RenameForm(guest: GuestShown, rename: ServerAction<GuestRename>) -> impl IntoView {
    let error = failure(rename);
    let refused = guest.may(Action::Rename).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        <section class="card">
            <h2>"Name and note"</h2>
            <Failure error=error fields=&["name", "note"] />
            <ActionForm action=rename attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <TextField
                    name="name"
                    label="Name"
                    value=guest.name.to_string()
                    error=error
                    hint="Its host name inside changes at its next start."
                />
                <div class="field">
                    <label for="note">"Note"</label>
                    <textarea id="note" name="note" rows="3" aria-describedby="note-error">{guest.note.to_string()}</textarea>
                    <FieldError field="note" error=error />
                </div>
                <button class="button" type="submit" disabled=disabled title=refused>"Save"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn ChangeForm(guest: GuestShown, kernels: Vec<KernelChoice>, change: ServerAction<GuestReconfigure>) -> impl IntoView {
    let error = failure(change);
    let refused = guest.may(Action::Change).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    // What isn't theirs to change is said once, above.
    let said = refused.clone().filter(|_| guest.access.may(GuestRight::Settings).is_ok());
    let chosen = RwSignal::new(guest.kernel.to_string());
    let hear = move |event: leptos::ev::Event| {
        let _ = &event;
        #[cfg(feature = "hydrate")]
        {
            use wasm_bindgen::JsCast as _;

            let field = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
            if field.is_some_and(|field| field.get_attribute("name").as_deref() == Some("kernel")) {
                chosen.set(event_target_value(&event));
            }
        }
    };
    let (mode, clock, network) = (guest.mode.word(), guest.clock.word(), guest.network.word());
    view! {
        <section class="card">
            <h2>"Machine"</h2>
            {said.map(|why| view! { <p class="notice" id="why-change">{why}</p> })}
            <Failure error=error fields=&["kernel", "mode", "clock", "network", "memory_mib", "restart_policy"] />
            <ActionForm action=change attr:class="form" on:input=hear>
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <fieldset disabled=disabled>
                    <TextField
                        name="memory_mib"
                        label="Memory in MiB"
                        kind="number"
                        value=guest.memory.mib().to_string()
                        error=error
                    />
                    <KernelFields
                        kernels=kernels
                        kernel=chosen
                        mode=Signal::stored(mode.to_owned())
                        clock=Signal::stored(clock.to_owned())
                        network=Signal::stored(network.to_owned())
                        error=error
                    />
                    <RestartChoice chosen=guest.restart_policy error=error />
                    <button class="button" type="submit" title=refused>"Save"</button>
                </fieldset>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// At any time, also while it runs.
#[component]
fn LimitForm(guest: GuestShown, limit: ServerAction<GuestLimit>) -> impl IntoView {
    let error = failure(limit);
    let refused = guest.may(Action::Limit).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        <section class="card">
            <h2>"Limits"</h2>
            <p class="meta">"They hold at once, also while it runs."</p>
            <Failure error=error fields=LIMITS />
            <ActionForm action=limit attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <LimitFields limits=guest.limits error=error />
                <button class="button" type="submit" disabled=disabled title=refused>"Save"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn AutostartForm(guest: GuestShown, autostart: ServerAction<GuestSetAutostart>) -> impl IntoView {
    let error = failure(autostart);
    let refused = guest.may(Action::Rename).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        <section class="card">
            <h2>"With the host"</h2>
            <Failure error=error fields=&["autostart"] />
            <ActionForm action=autostart attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <AutostartChoice chosen=guest.autostart error=error />
                <button class="button" type="submit" disabled=disabled title=refused>"Save"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// Deleting, which can be undone for an hour, and purging, which can't.
#[component]
fn Ending(guest: GuestShown, purge: ServerAction<GuestPurge>) -> impl IntoView {
    let act = GuestContext::expect().act;
    let error = failure(purge);
    let name = guest.name.to_string();
    let deleted = matches!(guest.wanted, Wanted::Deleted { .. });
    let refused = guest.may(Action::Purge).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        <section class="card danger" id="delete">
            <h2>"Delete"</h2>
            {if deleted {
                view! {
                    <p>{format!("{name} is deleted and can still come back.")}</p>
                    <ActionButton guest=guest.clone() action=Action::Undelete act=act />
                }
                .into_any()
            } else {
                view! {
                    <p>{deletion(&guest)}</p>
                    <ActionButton
                        guest=guest.clone()
                        action=Action::Delete
                        act=act
                        class="button danger"
                        words=format!("Delete {name}")
                    />
                }
                .into_any()
            }}
            <details>
                <summary>"Purge at once"</summary>
                <Failure error=error fields=&["purge_name"] />
                <ActionForm action=purge attr:class="form">
                    <input type="hidden" name="guest" value=guest.id.to_string() />
                    <div class="field">
                        <label for="purge_name">
                            {format!("Purging {name} removes its disk and its console for ever. Type {name} to do it.")}
                        </label>
                        <input id="purge_name" name="name" autocomplete="off" required aria-describedby="purge_name-error" />
                        <FieldError field="purge_name" error=error />
                    </div>
                    <button class="button danger final" type="submit" disabled=disabled title=refused>{format!("Purge {name}")}</button>
                </ActionForm>
            </details>
        </section>
    }
    .into_any()
}
