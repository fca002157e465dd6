//! With whom a guest is shared, and what they may do with it.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{GuestRight, Shares};

use super::show::GuestContext;
use crate::api::missing;
use crate::api::shares::{GuestGive, SharePut, ShareRemove, share_list};
use crate::live::Live;
use crate::parts::form::TextField;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::time::When;
use crate::shown::{GuestShown, ShareShown};

/// Boxes of the form: to see the guest is always among what is given.
const BOXES: [(GuestRight, &str, &str); 4] = [
    (GuestRight::ReadConsole, "Read its console", "What it has printed and prints."),
    (GuestRight::TypeConsole, "Type into its console", "As root, if root is signed in there. Includes reading."),
    (GuestRight::Power, "Start and stop it", "Also pause, restart and kill."),
    (GuestRight::Settings, "Change its settings", "Name, kernel, memory, limits; and a shell as root."),
];

#[component]
pub fn GuestSharingPage() -> impl IntoView {
    let context = GuestContext::expect();
    let live = Live::expect();
    let put = ServerAction::<SharePut>::new();
    let remove = ServerAction::<ShareRemove>::new();
    let give = ServerAction::<GuestGive>::new();
    let shares = Resource::new(
        move || (context.id.get(), live.guest(context.id.get()), put.version().get(), remove.version().get()),
        move |(id, ..)| async move {
            // Asked only where it may be: for others the page says who may.
            match context.guest.await {
                Ok(guest) if guest.access.may(GuestRight::Share).is_err() => Ok(Vec::new()),
                _ => share_list(id.ok_or_else(|| missing("guest"))?).await,
            }
        },
    );
    view! {
        <Failure error=failure(remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                let guest = context.guest.await.ok()?;
                if let Err(why) = guest.access.may(GuestRight::Share) {
                    return Some(view! {
                        <Own guest=guest remove=remove />
                        <p class="notice">{why.to_string()}</p>
                    }
                    .into_any());
                }
                Some(match shares.await {
                    Ok(shares) => view! {
                        <ShareTable guest=guest.clone() shares=shares remove=remove />
                        <ShareForm guest=guest.clone() put=put />
                        <GiveForm guest=guest give=give />
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                })
            })}
        </Transition>
    }
}

/// What was given to whoever looks, and how to give it back.
#[component]
fn Own(guest: GuestShown, remove: ServerAction<ShareRemove>) -> impl IntoView {
    let me = Me::expect();
    let Some(rights) = guest.access.relation.shares() else { return ().into_any() };
    let (id, pending) = (guest.id.to_string(), remove.pending());
    view! {
        <section class="card">
            <h2>{format!("{} shares it with you", guest.owner_name)}</h2>
            <p>{format!("You may {}.", words(rights))}</p>
            <Transition>
                {awaited(move || {
                    let id = id.clone();
                    async move {
                        let me = me.0.await.ok()?;
                        Some(view! {
                            <ActionForm action=remove attr:class="inline">
                                <input type="hidden" name="guest" value=id />
                                <input type="hidden" name="account" value=me.id.to_string() />
                                <button
                                    class="button"
                                    type="submit"
                                    title="It leaves your list at once; only its owner can share it again."
                                    disabled=move || pending.get()
                                >
                                    "Give it back"
                                </button>
                            </ActionForm>
                        })
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}

/// `see this guest, read its console`.
fn words(rights: Shares) -> String {
    let words: Vec<_> = rights.rights().map(GuestRight::words).collect();
    words.join(", ")
}

#[component]
fn ShareTable(guest: GuestShown, shares: Vec<ShareShown>, remove: ServerAction<ShareRemove>) -> impl IntoView {
    if shares.is_empty() {
        return view! { <p class="meta">"It is shared with nobody."</p> }.into_any();
    }
    let (id, pending) = (guest.id.to_string(), remove.pending());
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"With"</th><th>"May"</th><th>"Since"</th><th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {shares
                    .into_iter()
                    .map(|share| (share, id.clone()))
                    .map(|(share, id)| view! {
                        <tr>
                            <td data-label="With">{share.name.clone()}</td>
                            <td data-label="May">{words(share.rights)}</td>
                            <td data-label="Since"><When at=share.created_at /></td>
                            <td class="row-actions">
                                <ActionForm action=remove attr:class="inline">
                                    <input type="hidden" name="guest" value=id />
                                    <input type="hidden" name="account" value=share.account.to_string() />
                                    <button
                                        class="button danger"
                                        type="submit"
                                        title="Holds at once, also on pages and consoles that are open."
                                        disabled=move || pending.get()
                                    >
                                        "Remove" <span class="visually-hidden">{format!(" {}", share.name)}</span>
                                    </button>
                                </ActionForm>
                            </td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn ShareForm(guest: GuestShown, put: ServerAction<SharePut>) -> impl IntoView {
    let (error, pending) = (failure(put), put.pending());
    let boxes = BOXES.map(|(right, label, effect)| {
        view! {
            <label class="check">
                <input type="checkbox" name=right.word() value="true" />
                <span>{label} <span class="hint">{effect}</span></span>
            </label>
        }
    });
    view! {
        <section class="card">
            <h2>"Share it"</h2>
            <Failure error=error fields=&["name"] />
            <ActionForm action=put attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <TextField
                    name="name"
                    label="Account"
                    error=error
                    hint="Its name. One that is there already gets exactly what is ticked here."
                />
                <fieldset class="field">
                    <legend>"May also"</legend>
                    {boxes.collect_view()}
                    <p class="hint">"Its state, its settings and what it uses are always seen. Deleting, ports and sharing stay yours."</p>
                </fieldset>
                <button class="button primary" type="submit" disabled=move || pending.get()>"Share"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// To a group, to somebody else, or back to oneself.
#[component]
fn GiveForm(guest: GuestShown, give: ServerAction<GuestGive>) -> impl IntoView {
    let (error, pending) = (failure(give), give.pending());
    view! {
        <section class="card">
            <h2>"Give it away"</h2>
            <p>{format!("It is {}'s. It changes hands while it is off, with its disk and its ports; whose it becomes must have room for it.", guest.owner_name)}</p>
            <Failure error=error fields=&["to"] />
            <ActionForm action=give attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <TextField
                    name="to"
                    label="To"
                    error=error
                    hint="@ and the name of a group that you manage, or your own name. Administrators give it to anybody."
                />
                <button class="button" type="submit" disabled=move || pending.get()>"Give"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_that_can_be_shared_has_its_box() {
        let boxes: Vec<_> = std::iter::once(GuestRight::View).chain(BOXES.map(|(right, ..)| right)).collect();
        assert_eq!(boxes, GuestRight::SHAREABLE);
    }
}
