//! A guest's disk: what it takes, the copies of it that are kept, and its way back to the image.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::size::in_words;
use umbel_guest::{Action, DiskKind, GuestRight, ImageId, PanelRight, Seen, SnapshotKind};

use super::chain::Chain;
use super::show::GuestContext;
use crate::AppError;
use crate::api::missing;
use crate::api::snapshots::{
    GuestRebuild, PlanSet, SnapshotClone, SnapshotRemove, SnapshotRestore, SnapshotTake, snapshot_list,
};
use crate::api::volumes::{VolumeAttach, VolumeDetach, volume_list};
use crate::live::Live;
use crate::pages::backups::GuestBackups;
use crate::pages::volumes::of_guest::GuestVolumes;
use crate::parts::action::ActionButton;
use crate::parts::badge::Mark;
use crate::parts::curve::size;
use crate::parts::dialog::{Cancel, Dialog};
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::plan::{PlanFields, PlanSaid, PlanWords};
use crate::parts::table::Fact;
use crate::parts::time::{Said, When};
use crate::paths;
use crate::shown::{GuestShown, PlanShown, SnapshotShown, SnapshotsShown};

/// What can be done with snapshots.
#[derive(Clone, Copy)]
struct Actions {
    take: ServerAction<SnapshotTake>,
    restore: ServerAction<SnapshotRestore>,
    remove: ServerAction<SnapshotRemove>,
    clone: ServerAction<SnapshotClone>,
    plan: ServerAction<PlanSet>,
    rebuild: ServerAction<GuestRebuild>,
}

#[component]
pub fn GuestDiskPage() -> impl IntoView {
    let context = GuestContext::expect();
    let live = Live::expect();
    let actions = Actions {
        take: ServerAction::new(),
        restore: ServerAction::new(),
        remove: ServerAction::new(),
        clone: ServerAction::new(),
        plan: ServerAction::new(),
        rebuild: ServerAction::new(),
    };
    let me = Me::expect();
    let disk = Resource::new(
        move || {
            let own = (actions.take.version().get(), actions.restore.version().get(), actions.remove.version().get());
            (context.id.get(), live.guest(context.id.get()), own, actions.plan.version().get())
        },
        |(id, ..)| async move { snapshot_list(id.ok_or_else(|| missing("guest"))?).await },
    );
    let (attach, detach) = (ServerAction::<VolumeAttach>::new(), ServerAction::<VolumeDetach>::new());
    let host = live.host();
    let volumes = Resource::new(
        move || (host.get(), live.guest(context.id.get()), attach.version().get(), detach.version().get()),
        |_| volume_list(),
    );
    view! {
        <Failure error=failure(actions.restore) />
        <Failure error=failure(actions.remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                let guest = context.guest.await.ok()?;
                let publishes = me.may(PanelRight::ManageImages).await.is_ok();
                match disk.await {
                    Ok(disk) => {
                        let shown = volumes.await.unwrap_or_default();
                        Some(view! {
                            <Shown guest=guest.clone() disk=disk publishes=publishes actions=actions />
                            <GuestVolumes guest=guest shown=shown attach=attach detach=detach />
                        }.into_any())
                    }
                    Err(AppError::NotFound { .. }) => None,
                    Err(error) => Some(view! { <Problem error=error /> }.into_any()),
                }
            })}
        </Transition>
        <GuestBackups />
        // Last, what ends the guest.
        <Transition>
            {awaited(move || async move {
                let guest = context.guest.await.ok().filter(|guest| guest.disk_kind != DiskKind::Memory)?;
                let newer = disk.await.ok()?.newer;
                Some(view! {
                    <Rebuild guest=guest.clone() newer=newer rebuild=actions.rebuild />
                    <Reset guest=guest />
                })
            })}
        </Transition>
    }
}

#[component]
fn Shown(guest: GuestShown, disk: SnapshotsShown, publishes: bool, actions: Actions) -> impl IntoView {
    let kind = match guest.disk_kind {
        DiskKind::Cow => " beside its image",
        DiskKind::Plain => " by itself",
        DiskKind::Memory => " since its root lies in memory",
    };
    let taken = disk.disk_bytes.map_or_else(|| "–".to_owned(), size);
    let kept: u64 = disk.rows.iter().map(|row| row.taken_bytes).sum();
    let (aside, snapshots): (Vec<_>, Vec<_>) = disk.rows.iter().cloned().partition(|row| row.goes_at.is_some());
    let has_disk = guest.disk_kind != DiskKind::Memory;
    let (of, image) = (guest.clone(), guest.image.clone());
    view! {
        <dl class="facts four">
            <Fact label="Image"><a href=paths::image(&image)>{image.to_string()}</a></Fact>
            <Fact label="Size">{if has_disk { in_words(guest.disk.mib()) } else { "–".to_owned() }}</Fact>
            <Fact label="Takes on the host">{taken} <span class="meta">{kind}</span></Fact>
            <Fact label="Snapshots take">{size(kept)}</Fact>
        </dl>
        {aside.into_iter().map(|row| view! { <Aside guest=of.clone() row=row actions=actions /> }).collect_view()}
        <h2>"Snapshots"</h2>
        {(has_disk && !disk.rows.is_empty()).then(|| view! { <Chain guest=guest.clone() disk=disk.clone() /> })}
        <SnapshotTable guest=guest.clone() rows=snapshots publishes=publishes actions=actions />
        {has_disk.then(|| view! {
            <TakeForm guest=guest.clone() disk=disk.clone() take=actions.take />
            <PlanForm guest=guest.clone() plan=disk.plan plan_set=actions.plan />
            <CloneForm guest=guest rows=disk.rows clone=actions.clone />
        })}
    }
    .into_any()
}

/// What a reset or a restore has put aside, with the way back.
#[component]
fn Aside(guest: GuestShown, row: SnapshotShown, actions: Actions) -> impl IntoView {
    let done = match row.kind {
        SnapshotKind::BeforeReset if row.image != guest.image => "was rebuilt of another image",
        SnapshotKind::BeforeReset => "was reset to its image",
        SnapshotKind::Taken | SnapshotKind::BeforeRestore => "was made of a snapshot",
    };
    let refused = guest.may(Action::Reset).err().map(|why| why.to_string());
    let (disabled, pending) = (refused.is_some(), actions.restore.pending());
    view! {
        <section class="notice undo">
            <p>
                "Its disk " {done} " " <When at=row.made_at /> ". What it was before is kept, and gone "
                {row.goes_at.map(|at| view! { <When at=at said=Said::At /> })} "."
            </p>
            <ActionForm action=actions.restore attr:class="inline">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <input type="hidden" name="snapshot" value=row.id.to_string() />
                <button class="button" type="submit" title=refused disabled=move || disabled || pending.get()>
                    "Undo"
                </button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn SnapshotTable(guest: GuestShown, rows: Vec<SnapshotShown>, publishes: bool, actions: Actions) -> impl IntoView {
    if rows.is_empty() {
        return view! { <p class="meta">"None is kept. Take one before you try something: it is the way back."</p> }
            .into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th>
                    <th>"Made"</th>
                    <th class="number">"Takes"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {rows
                    .into_iter()
                    .map(|row| view! { <SnapshotRow guest=guest.clone() row=row publishes=publishes actions=actions /> })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn SnapshotRow(guest: GuestShown, row: SnapshotShown, publishes: bool, actions: Actions) -> impl IntoView {
    let restorable = guest.may(Action::Reset).err().map(|why| why.to_string());
    let removable = guest.access.may(GuestRight::Delete).err().map(|why| why.to_string());
    let (name, short) = (row.name.clone(), row.id.short());
    // Who may make images, and gives away what is on the disk.
    let image = (publishes && removable.is_none()).then(|| {
        view! {
            <a class="button" href=paths::snapshot_image(guest.id, row.id)>
                "Make an image…" <span class="visually-hidden">{format!(" of {name}")}</span>
            </a>
        }
    });
    let files = removable.is_none().then(|| {
        view! {
            <a class="button" href=paths::snapshot_files(guest.id, row.id, "")>
                "Files…" <span class="visually-hidden">{format!(" of {name}")}</span>
            </a>
        }
    });
    let (restores, removes) = (format!("Restore {name}"), format!("Remove {name}"));
    let (restore_id, remove_id) = (format!("restore-{short}"), format!("remove-{short}"));
    let form = move |words: String, class: &'static str, refused: Option<String>, is_restore: bool| {
        let (guest, snapshot) = (guest.id.to_string(), row.id.to_string());
        let disabled = refused.is_some();
        let fields = view! {
            <input type="hidden" name="guest" value=guest />
            <input type="hidden" name="snapshot" value=snapshot />
            <button class=class type="submit" title=refused disabled=disabled>{words}</button>
        };
        match is_restore {
            true => view! { <ActionForm action=actions.restore attr:class="inline">{fields}</ActionForm> }.into_any(),
            false => view! { <ActionForm action=actions.remove attr:class="inline">{fields}</ActionForm> }.into_any(),
        }
    };
    let (restore_disabled, remove_disabled) = (restorable.is_some(), removable.is_some());
    let actions = view! {
        {image}
        {files}
        <button class="button needs-scripts" type="button" data-opens=restore_id.clone() disabled=restore_disabled title=restorable.clone()>
            "Restore…" <span class="visually-hidden">{name.clone()}</span>
        </button>
        <button class="button danger needs-scripts" type="button" data-opens=remove_id.clone() disabled=remove_disabled title=removable.clone()>
            "Remove…" <span class="visually-hidden">{name.clone()}</span>
        </button>
        <span class="without-scripts">
            {form(restores.clone(), "button", restorable.clone(), true)}
            {form(removes.clone(), "button danger", removable.clone(), false)}
        </span>
        <Dialog id=restore_id title=restores.clone()>
            <p>{RESTORE}</p>
            <div class="dialog-actions">
                <Cancel />
                {form(restores.clone(), "button danger final", restorable, true)}
            </div>
        </Dialog>
        <Dialog id=remove_id title=removes.clone()>
            <p>"The snapshot is gone for ever. The guest and its disk stay as they are."</p>
            <div class="dialog-actions">
                <Cancel />
                {form(removes.clone(), "button danger final", removable, false)}
            </div>
        </Dialog>
    };
    let made = match row.is_whole {
        true => view! { <When at=row.made_at /> }.into_any(),
        false => view! { <Mark shape="◌" class="badge changing" words="Being made" /> }.into_any(),
    };
    let taken = if row.is_whole { size(row.taken_bytes) } else { "–".to_owned() };
    view! {
        <tr>
            <td data-label="Name">
                {row.name.clone()}
                {row.planned.then(|| view! { <span class="meta">" goes in time"</span> })}
            </td>
            <td data-label="Made">{made}</td>
            <td data-label="Takes" class="number">{taken}</td>
            <td class="row-actions">{row.is_whole.then_some(actions)}</td>
        </tr>
    }
    .into_any()
}

const RESTORE: &str = "Ends the guest at once, makes the snapshot its disk, and starts it. The disk that it has now is kept for an hour, in \
     which you can undo this.";

#[component]
fn TakeForm(guest: GuestShown, disk: SnapshotsShown, take: ServerAction<SnapshotTake>) -> impl IntoView {
    let (error, pending) = (failure(take), take.pending());
    let refused = guest.may(Action::Snapshot).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    let taken = disk.disk_bytes.map_or_else(|| "its disk".to_owned(), size);
    let costs = match (guest.seen.is_alive(), &guest.seen) {
        (true, Seen::Paused { .. }) => format!("It is paused as it is; {taken} are copied."),
        (true, _) if disk.shares_blocks => {
            "It stands still for a moment. The copy shares what it holds with the disk until either changes.".to_owned()
        }
        (true, _) => format!("It stands still while {taken} are copied."),
        (false, _) => format!("It is off; {taken} are copied."),
    };
    view! {
        <section class="card">
            <h2>"Take a snapshot"</h2>
            <p>"Keeps a copy of the disk as it is. What is in the guest's memory is not in it. " {costs}</p>
            <Failure error=error fields=&["name"] />
            <ActionForm action=take attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <fieldset disabled=disabled>
                    <TextField
                        name="name"
                        label="Name"
                        hint="For example: before the upgrade. Empty: it is numbered."
                        error=error
                    />
                    <button class="button primary" type="submit" title=refused disabled=move || pending.get()>
                        "Take a snapshot"
                    </button>
                </fieldset>
            </ActionForm>
        </section>
    }
    .into_any()
}

const PLAN: PlanWords = PlanWords {
    every: "every",
    every_label: "One is taken",
    keep: "keep",
    keep_label: "Of these are kept",
    keep_hint: "1 to 24; the oldest goes before the next is taken. They count against the quota as any.",
};

/// How often one is taken by itself.
#[component]
fn PlanForm(guest: GuestShown, plan: Option<PlanShown>, plan_set: ServerAction<PlanSet>) -> impl IntoView {
    let (error, pending) = (failure(plan_set), plan_set.pending());
    view! {
        <section class="card">
            <h2>"Snapshots by themselves"</h2>
            <PlanSaid plan=plan.clone() made="taken" />
            <Failure error=error fields=&["every", "keep"] />
            <ActionForm action=plan_set attr:class="form">
                <PlanFields guest=guest plan=plan keep=7 words=PLAN error=error pending=pending />
            </ActionForm>
        </section>
    }
    .into_any()
}

/// Another guest out of one of them.
#[component]
fn CloneForm(guest: GuestShown, rows: Vec<SnapshotShown>, clone: ServerAction<SnapshotClone>) -> impl IntoView {
    let (error, pending) = (failure(clone), clone.pending());
    let options: Vec<(String, String)> =
        rows.into_iter().filter(|row| row.is_whole).map(|row| (row.id.to_string(), row.name)).collect();
    if options.is_empty() || guest.access.may(GuestRight::Delete).is_err() {
        return ().into_any();
    }
    let newest = options.first().map(|(id, _)| id.clone()).unwrap_or_default();
    view! {
        <section class="card">
            <h2>"Make another guest of a snapshot"</h2>
            <p>
                "Of the same owner and size, with all that is on the disk. Its name and address are its own. Its host keys and machine "
                "id are made anew where the image knows of that: Tiny, those of recipes and those with cloud-init do."
            </p>
            <Failure error=error fields=&["new_name", "snapshot"] />
            <ActionForm action=clone attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <Choice name="snapshot" label="Snapshot" options=options chosen=newest error=error />
                <TextField name="new_name" label="Name of the new guest" error=error hint="Also its host name: a–z, 0–9 and -." />
                <button class="button" type="submit" disabled=move || pending.get()>"Make the guest"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// Another version of its image, or another image.
#[component]
fn Rebuild(guest: GuestShown, newer: Option<ImageId>, rebuild: ServerAction<GuestRebuild>) -> impl IntoView {
    let (error, pending) = (failure(rebuild), rebuild.pending());
    let refused = guest.may(Action::Reset).err().map(|why| why.to_string());
    let (name, disabled) = (guest.name.to_string(), refused.is_some());
    view! {
        <section class="card danger">
            <h2>"Rebuild of another image"</h2>
            <p>
                {format!("Ends {name} at once, makes its disk a new one of that image, and starts it. ")}
                "Its name, its address and its volumes stay. The disk that it has now is kept for an hour, in which you can undo this. "
                "Users and keys are in the disk: "
                <a href=paths::guest(guest.id)>"say them anew"</a> " while it is off, before."
            </p>
            <Failure error=error fields=&["image"] />
            <ActionForm action=rebuild attr:class="form">
                <input type="hidden" name="guest" value=guest.id.to_string() />
                <fieldset disabled=disabled>
                    <TextField
                        name="image"
                        label="Image"
                        value=newer.map(|image| image.to_string()).unwrap_or_default()
                        hint="With its version, for example debian-13.3."
                        error=error
                    />
                    <button class="button danger" type="submit" title=refused disabled=move || pending.get()>"Rebuild"</button>
                </fieldset>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn Reset(guest: GuestShown) -> impl IntoView {
    let act = GuestContext::expect().act;
    let name = guest.name.to_string();
    let refused = guest.may(Action::Reset).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    let words = format!("Reset {name}");
    view! {
        <section class="card danger">
            <h2>"Reset to the image"</h2>
            <p>
                {format!("Ends {name} at once, makes its disk {}'s again, and starts it. ", guest.image)}
                "The disk that it has now is kept for an hour, in which you can undo this. Snapshots stay."
            </p>
            <button class="button danger needs-scripts" type="button" data-opens="reset-guest" disabled=disabled title=refused>
                "Reset…"
            </button>
            <span class="without-scripts">
                <ActionButton guest=guest.clone() action=Action::Reset act=act class="button danger" words=words.clone() />
            </span>
            <Dialog id="reset-guest" title=words.clone()>
                <p>{format!("What was written to {name}'s disk since it was made is undone. You can take this back for an hour.")}</p>
                <div class="dialog-actions">
                    <Cancel />
                    <ActionButton guest=guest action=Action::Reset act=act class="button danger final" words=words />
                </div>
            </Dialog>
        </section>
    }
    .into_any()
}
