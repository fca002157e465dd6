//! All volumes that one may see: made, given to guests and taken from them, larger, removed.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::size::in_words;
use umbel_guest::{DiskSize, GroupRole, GuestRight, VolumeAccess, VolumeState};

use super::of_guest::accesses;
use crate::api::groups::group_list;
use crate::api::volumes::{VolumeAttach, VolumeCreate, VolumeDetach, VolumeGrow, VolumeRemove, volume_list};
use crate::live::Live;
use crate::parts::badge::Mark;
use crate::parts::curve::size;
use crate::parts::dialog::{Cancel, Dialog};
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{AttachedShown, StrayVolume, VolumeShown, VolumesShown};

/// What can be done with volumes.
#[derive(Clone, Copy)]
struct Actions {
    create: ServerAction<VolumeCreate>,
    attach: ServerAction<VolumeAttach>,
    detach: ServerAction<VolumeDetach>,
    grow: ServerAction<VolumeGrow>,
    remove: ServerAction<VolumeRemove>,
}

#[component]
pub fn VolumeListPage() -> impl IntoView {
    let live = Live::expect();
    let (host, guests) = (live.host(), live.guests());
    let actions = Actions {
        create: ServerAction::new(),
        attach: ServerAction::new(),
        detach: ServerAction::new(),
        grow: ServerAction::new(),
        remove: ServerAction::new(),
    };
    let done = move || {
        let given = (actions.attach.version().get(), actions.detach.version().get());
        (actions.create.version().get(), given, actions.grow.version().get(), actions.remove.version().get())
    };
    let volumes = Resource::new(move || (host.get(), guests.get(), done()), |_| volume_list());
    let groups = Resource::new(|| (), |()| group_list());
    view! {
        <Title text="Volumes" />
        <PageHead title="Volumes" />
        <Failure error=failure(actions.detach) />
        <Failure error=failure(actions.remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let groups = groups.await.unwrap_or_default();
                let managed = groups.into_iter().filter(|group| group.role == Some(GroupRole::Manager));
                let owners = managed.map(|group| (group.id.to_string(), group.name.to_string())).collect();
                match volumes.await {
                    Ok(shown) => view! {
                        <VolumeTable volumes=shown.volumes.clone() actions=actions />
                        <NewForm owners=owners create=actions.create />
                        <AttachForm shown=shown.clone() attach=actions.attach />
                        <GrowForm volumes=shown.volumes grow=actions.grow />
                        <Strays strays=shown.strays remove=actions.remove />
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn VolumeTable(volumes: Vec<VolumeShown>, actions: Actions) -> impl IntoView {
    if volumes.is_empty() {
        return view! {
            <p class="meta">
                "There is none. A volume is a disk beside a guest's own: it outlives the guest, one guest may write to it, or many read it."
            </p>
        }
        .into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th>
                    <th>"Owner"</th>
                    <th class="number">"Size"</th>
                    <th class="number">"Takes"</th>
                    <th>"Attached to"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {volumes
                    .into_iter()
                    .map(|volume| view! { <VolumeRow volume=volume actions=actions /> })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn VolumeRow(volume: VolumeShown, actions: Actions) -> impl IntoView {
    let taken = volume.taken_bytes.map_or_else(|| "–".to_owned(), size);
    let attached = match volume.state {
        VolumeState::Coming => view! { <Mark shape="◌" class="badge changing" words="Being made" /> }.into_any(),
        VolumeState::Going => view! { <Mark shape="◌" class="badge changing" words="Being removed" /> }.into_any(),
        VolumeState::Kept if volume.attached.is_empty() => view! { <span class="meta">"nobody"</span> }.into_any(),
        VolumeState::Kept => volume
            .attached
            .iter()
            .map(|at| view! { <Holder volume=volume.clone() at=at.clone() detach=actions.detach /> })
            .collect_view()
            .into_any(),
    };
    view! {
        <tr>
            <td data-label="Name">{volume.name.clone()}</td>
            <td data-label="Owner">{volume.owner_name.clone()}</td>
            <td data-label="Size" class="number">{in_words(volume.size_mib)}</td>
            <td data-label="Takes" class="number">{taken}</td>
            <td data-label="Attached to" class="prose">{attached}</td>
            <td class="row-actions"><Remove volume=volume remove=actions.remove /></td>
        </tr>
    }
    .into_any()
}

/// A guest that has it, and the way to take it back.
#[component]
fn Holder(volume: VolumeShown, at: AttachedShown, detach: ServerAction<VolumeDetach>) -> impl IntoView {
    let may = if at.access == VolumeAccess::ReadOnly { ", read only" } else { "" };
    let refused = volume.access.may(GuestRight::Settings).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        // A paragraph holds no form.
        <div>
            <a href=paths::guest_disk(at.guest)>{at.guest_name.to_string()}</a> " " <code>{at.device}</code> {may} " "
            <ActionForm action=detach attr:class="inline">
                <input type="hidden" name="guest" value=at.guest.to_string() />
                <input type="hidden" name="volume" value=volume.id.to_string() />
                <button class="button" type="submit" title=refused disabled=disabled>
                    "Detach"
                    <span class="visually-hidden">{format!(" {} from {}", volume.name, at.guest_name)}</span>
                </button>
            </ActionForm>
        </div>
    }
    .into_any()
}

#[component]
fn Remove(volume: VolumeShown, remove: ServerAction<VolumeRemove>) -> impl IntoView {
    let denied = volume.access.may(GuestRight::Delete).err().map(|why| why.to_string());
    let held = (!volume.attached.is_empty()).then(|| "A guest has it: detach it first.".to_owned());
    let refused = denied.or(held);
    let (disabled, words, id) =
        (refused.is_some(), format!("Remove {}", volume.name), format!("remove-{}", volume.id.short()));
    let form = move |class: &'static str, words: String| {
        view! {
            <ActionForm action=remove attr:class="inline">
                <input type="hidden" name="volume" value=volume.id.to_string() />
                <button class=class type="submit" disabled=disabled>{words}</button>
            </ActionForm>
        }
    };
    view! {
        <button class="button danger needs-scripts" type="button" data-opens=id.clone() disabled=disabled title=refused>
            "Remove…" <span class="visually-hidden">{volume.name.clone()}</span>
        </button>
        <span class="without-scripts">{form("button danger", words.clone())}</span>
        <Dialog id=id title=words.clone()>
            <p>"The volume and all that is on it are gone for ever."</p>
            <div class="dialog-actions">
                <Cancel />
                {form("button danger final", words)}
            </div>
        </Dialog>
    }
    .into_any()
}

fn sizes() -> Vec<(String, String)> {
    DiskSize::ladder().map(|size| (size.mib().to_string(), in_words(size.mib()))).collect()
}

#[component]
fn NewForm(
    /// Id and name of groups that it may be for.
    owners: Vec<(String, String)>,
    create: ServerAction<VolumeCreate>,
) -> impl IntoView {
    let (error, pending) = (failure(create), create.pending());
    let owners: Vec<_> = std::iter::once((String::new(), "myself".to_owned())).chain(owners).collect();
    view! {
        <section class="card">
            <h2>"New volume"</h2>
            <p>
                "It is empty: make a file system on it in the guest that has it, for example with " <code>"mkfs.ext4 /dev/ubdc"</code>
                ". Its size counts as disk in the quota; of the host's disk it takes what is written."
            </p>
            <Failure error=error fields=&["name", "size_mib", "group"] />
            <ActionForm action=create attr:class="form">
                <TextField name="name" label="Name" hint="For example: data of the shop." error=error />
                <Choice name="size_mib" label="Size" options=sizes() chosen="1024" error=error />
                {(owners.len() > 1).then(|| view! { <Choice name="group" label="For" options=owners chosen="" error=error /> })}
                <button class="button primary" type="submit" disabled=move || pending.get()>"Make the volume"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn AttachForm(shown: VolumesShown, attach: ServerAction<VolumeAttach>) -> impl IntoView {
    let VolumesShown { volumes, guests, .. } = shown;
    let can =
        |volume: &&VolumeShown| volume.state == VolumeState::Kept && volume.access.may(GuestRight::Settings).is_ok();
    let free: Vec<&VolumeShown> = volumes.iter().filter(can).collect();
    if free.is_empty() || guests.is_empty() {
        return ().into_any();
    }
    let (error, pending) = (failure(attach), attach.pending());
    // With their owners where there are several.
    let several = free.iter().any(|volume| volume.owner != free[0].owner);
    let words = |name: String, owner: Option<&str>| match owner {
        Some(owner) if several => format!("{name} ({owner})"),
        _ => name,
    };
    let owner_of = |id| volumes.iter().find(|volume| volume.owner == id).map(|volume| volume.owner_name.as_str());
    let volume_options = free
        .iter()
        .map(|volume| (volume.id.to_string(), words(volume.name.clone(), Some(&volume.owner_name))))
        .collect();
    let guest_options = guests
        .iter()
        .map(|taker| (taker.guest.to_string(), words(taker.name.to_string(), owner_of(taker.owner))))
        .collect();
    view! {
        <section class="card">
            <h2>"Attach to a guest"</h2>
            <p>
                "At once where the guest runs. One guest has it to write, or any number to read; to move it to another guest, detach it "
                "first: unmount it in the guest, or shut the guest down."
            </p>
            <Failure error=error fields=&["volume", "guest", "access"] />
            <ActionForm action=attach attr:class="form">
                <Choice name="volume" label="Volume" options=volume_options chosen="" error=error />
                <Choice name="guest" label="Guest" options=guest_options chosen="" error=error />
                <Choice name="access" label="The guest may" options=accesses() chosen="" error=error />
                <button class="button" type="submit" disabled=move || pending.get()>"Attach"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn GrowForm(volumes: Vec<VolumeShown>, grow: ServerAction<VolumeGrow>) -> impl IntoView {
    let can =
        |volume: &VolumeShown| volume.state == VolumeState::Kept && volume.access.may(GuestRight::Settings).is_ok();
    let options: Vec<(String, String)> = volumes
        .into_iter()
        .filter(can)
        .map(|volume| (volume.id.to_string(), format!("{}, {}", volume.name, in_words(volume.size_mib))))
        .collect();
    if options.is_empty() {
        return ().into_any();
    }
    let (error, pending) = (failure(grow), grow.pending());
    view! {
        <section class="card">
            <h2>"Make one larger"</h2>
            <p>
                "While no guest that runs has it, and never smaller. The file system on it grows in the guest, for example with "
                <code>"resize2fs /dev/ubdc"</code> "."
            </p>
            <Failure error=error fields=&["larger", "to_mib"] />
            <ActionForm action=grow attr:class="form">
                <Choice name="larger" label="Which" options=options chosen="" error=error />
                <Choice name="to_mib" label="Its new size" options=sizes() chosen="" error=error />
                <button class="button" type="submit" disabled=move || pending.get()>"Make it larger"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// Files that the panel knows nothing of.
#[component]
fn Strays(strays: Vec<StrayVolume>, remove: ServerAction<VolumeRemove>) -> impl IntoView {
    if strays.is_empty() {
        return ().into_any();
    }
    let row = move |stray: StrayVolume| {
        view! {
            <tr>
                <td data-label="File"><code>{stray.id.to_string()}</code></td>
                <td data-label="Size" class="number">{size(stray.size_bytes)}</td>
                <td data-label="Takes" class="number">{size(stray.taken_bytes)}</td>
                <td class="row-actions">
                    <ActionForm action=remove attr:class="inline">
                        <input type="hidden" name="volume" value=stray.id.to_string() />
                        <button class="button danger" type="submit">
                            "Remove for good" <span class="visually-hidden">{format!(" {}", stray.id)}</span>
                        </button>
                    </ActionForm>
                </td>
            </tr>
        }
    };
    view! {
        <h2>"Files without a volume"</h2>
        <p class="meta">"They lie on the host, and the panel knows nothing of them, as after the restore of a backup."</p>
        <table class="table cards">
            <thead>
                <tr>
                    <th>"File"</th><th class="number">"Size"</th><th class="number">"Takes"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>{strays.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
