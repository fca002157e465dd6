//! The volumes of one guest, on the page of its disk.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{GuestRight, VolumeAccess, VolumeState};

use crate::api::volumes::{VolumeAttach, VolumeDetach};
use crate::parts::form::Choice;
use crate::parts::loaded::{Failure, failure};
use crate::paths;
use crate::shown::{GuestShown, VolumeShown, VolumesShown};

/// What a guest may do with one, for a choice.
pub fn accesses() -> Vec<(String, String)> {
    VolumeAccess::ALL.map(|access| (access.word().to_owned(), access.title().to_owned())).into()
}

#[component]
pub fn GuestVolumes(
    guest: GuestShown,
    shown: VolumesShown,
    attach: ServerAction<VolumeAttach>,
    detach: ServerAction<VolumeDetach>,
) -> impl IntoView {
    let refused = guest.access.may(GuestRight::Settings).err().map(|why| why.to_string());
    let (mine, others): (Vec<_>, Vec<_>) =
        shown.volumes.into_iter().partition(|volume| volume.attached.iter().any(|at| at.guest == guest.id));
    let is_free = |volume: &VolumeShown| volume.owner == guest.owner && volume.state == VolumeState::Kept;
    let free: Vec<(String, String)> =
        others.into_iter().filter(is_free).map(|volume| (volume.id.to_string(), volume.name)).collect();
    let rows = mine
        .into_iter()
        .flat_map(|volume| volume.attached.clone().into_iter().map(move |at| (volume.clone(), at)))
        .filter(|(_, at)| at.guest == guest.id)
        .map(|(volume, at)| {
            let when = match (guest.seen.is_alive(), at.is_there) {
                (true, true) => "now",
                (true, false) => "in a moment",
                (false, _) => "at its next start",
            };
            let (title, disabled) = (refused.clone(), refused.is_some());
            view! {
                <tr>
                    <td data-label="Name"><a href=paths::VOLUMES>{volume.name.clone()}</a></td>
                    <td data-label="Device"><code>{at.device.clone()}</code></td>
                    <td data-label="It may">{at.access.title()}</td>
                    <td data-label="Has it">{when}</td>
                    <td class="row-actions">
                        <ActionForm action=detach attr:class="inline">
                            <input type="hidden" name="guest" value=at.guest.to_string() />
                            <input type="hidden" name="volume" value=volume.id.to_string() />
                            <button class="button" type="submit" title=title disabled=disabled>
                                "Detach" <span class="visually-hidden">{format!(" {}", volume.name)}</span>
                            </button>
                        </ActionForm>
                    </td>
                </tr>
            }
        })
        .collect::<Vec<_>>();
    let table = if rows.is_empty() {
        view! { <p class="meta">"It has none: disks that outlive it, and that guests can share or hand on."</p> }
            .into_any()
    } else {
        view! {
            <table class="table cards">
                <thead>
                    <tr>
                        <th>"Name"</th><th>"Device"</th><th>"It may"</th><th>"Has it"</th>
                        <th><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    let (error, pending) = (failure(attach), attach.pending());
    let form = (!free.is_empty() && refused.is_none()).then(|| {
        view! {
            <section class="card">
                <h2>"Attach a volume"</h2>
                <ActionForm action=attach attr:class="form">
                    <input type="hidden" name="guest" value=guest.id.to_string() />
                    <Choice name="volume" label="Volume" options=free chosen="" error=error />
                    <Choice name="access" label="The guest may" options=accesses() chosen="" error=error />
                    <button class="button" type="submit" disabled=move || pending.get()>"Attach"</button>
                </ActionForm>
            </section>
        }
    });
    view! {
        <h2>"Volumes"</h2>
        <Failure error=failure(detach) />
        <Failure error=error fields=&["volume", "access"] />
        {table}
        <p class="meta"><a href=paths::VOLUMES>"Make a volume, or see all of them"</a></p>
        {form}
    }
    .into_any()
}
