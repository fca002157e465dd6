//! Backups of guests: all that one may see, and on a guest's disk page its own.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::size::in_words;
use umbel_guest::{Action, GuestRight};

use crate::api::backups::{BackupClone, BackupPlanSet, BackupRemove, BackupRestore, BackupTake, backup_list};
use crate::live::Live;
use crate::pages::guests::show::GuestContext;
use crate::parts::badge::Mark;
use crate::parts::curve::size;
use crate::parts::dialog::{Cancel, Dialog};
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::plan::{PlanFields, PlanSaid, PlanWords};
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{BackupShown, BackupsShown, GuestShown, PlanShown};

/// What can be done with one.
#[derive(Clone, Copy)]
struct Actions {
    restore: ServerAction<BackupRestore>,
    remove: ServerAction<BackupRemove>,
    clone: ServerAction<BackupClone>,
}

impl Actions {
    fn new() -> Self {
        Self { restore: ServerAction::new(), remove: ServerAction::new(), clone: ServerAction::new() }
    }
}

#[component]
pub fn BackupsPage() -> impl IntoView {
    let (actions, live) = (Actions::new(), Live::expect());
    let changed = live.guests();
    let backups = Resource::new(move || (changed.get(), actions.remove.version().get()), |_| backup_list(None));
    view! {
        <Title text="Backups" />
        <PageHead title="Backups" />
        <Failure error=failure(actions.restore) />
        <Failure error=failure(actions.remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match backups.await {
                    Ok(backups) => view! { <All backups=backups actions=actions /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn All(backups: BackupsShown, actions: Actions) -> impl IntoView {
    let none = "There is none. A guest is backed up on its page Disk, whether it runs or not.";
    let stored: u64 = backups.rows.iter().map(|row| row.stored_bytes).sum();
    let words = format!("What is the same is kept once: together they were written down in {}.", size(stored));
    view! {
        {(!backups.is_offered).then(|| view! { <NotOffered /> })}
        {match backups.rows.is_empty() {
            true => view! { <p class="meta">{none}</p> }.into_any(),
            false => view! {
                <BackupTable rows=backups.rows.clone() actions=actions by_guest=true />
                <p class="meta">{words}</p>
                <CloneForm rows=backups.rows clone=actions.clone />
            }
            .into_any(),
        }}
    }
    .into_any()
}

#[component]
fn NotOffered() -> impl IntoView {
    view! {
        <p class="notice">
            "This panel makes no backups: an administrator names a place for them in its settings: a directory on "
            "another disk as " <code>"backup_directory"</code> ", or a bucket of S3 as " <code>"backup_s3_url"</code> "."
        </p>
    }
    .into_any()
}

/// Those of one guest, beneath its disk.
#[component]
pub fn GuestBackups() -> impl IntoView {
    let (context, live, actions) = (GuestContext::expect(), Live::expect(), Actions::new());
    let (take, plan_set) = (ServerAction::<BackupTake>::new(), ServerAction::<BackupPlanSet>::new());
    let backups = Resource::new(
        move || {
            let own = (take.version().get(), actions.remove.version().get(), plan_set.version().get());
            (context.id.get(), live.guest(context.id.get()), own)
        },
        |(id, ..)| async move {
            match id {
                Some(id) => backup_list(Some(id)).await,
                None => Ok(BackupsShown::default()),
            }
        },
    );
    view! {
        <Failure error=failure(actions.restore) />
        <Failure error=failure(actions.remove) />
        <Failure error=failure(take) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let guest = context.guest.await.ok()?;
                let backups = backups.await.ok().filter(|backups| backups.is_offered || !backups.rows.is_empty())?;
                let refused = guest.may(Action::Snapshot).err().map(|why| why.to_string());
                let (disabled, pending) = (refused.is_some(), take.pending());
                Some(view! {
                    <section class="card">
                        <h2>"Backups"</h2>
                        <p>
                            "Copies of the disk that are kept elsewhere: they are there when this host's disk is not, and when the "
                            "guest is gone. " <a href=paths::BACKUPS>"All backups"</a>
                        </p>
                        <ActionForm action=take attr:class="form">
                            <input type="hidden" name="guest" value=guest.id.to_string() />
                            <button class="button" type="submit" title=refused disabled=move || disabled || pending.get()>
                                "Back up"
                            </button>
                        </ActionForm>
                        {(!backups.rows.is_empty())
                            .then(|| view! { <BackupTable rows=backups.rows actions=actions by_guest=false /> })}
                    </section>
                    {backups.is_offered.then(|| view! { <BackupPlanForm guest=guest plan=backups.plan most=backups.most plan_set=plan_set /> })}
                })
            })}
        </Transition>
    }
}

const PLAN: PlanWords = PlanWords {
    every: "backup_every",
    every_label: "One is made",
    keep: "backup_keep",
    keep_label: "Of these backups are kept",
    keep_hint: "The oldest goes once another one is there.",
};

/// How often one is made by itself.
#[component]
fn BackupPlanForm(
    guest: GuestShown,
    plan: Option<PlanShown>,
    most: u32,
    plan_set: ServerAction<BackupPlanSet>,
) -> impl IntoView {
    let (error, pending) = (failure(plan_set), plan_set.pending());
    let words = format!("Of a guest {most} backups are kept, those made by hand included.");
    view! {
        <section class="card">
            <h2>"Backups by themselves"</h2>
            <p>{words}</p>
            <PlanSaid plan=plan.clone() made="made" />
            <Failure error=error fields=&["backup_every", "backup_keep"] />
            <ActionForm action=plan_set attr:class="form">
                <PlanFields guest=guest plan=plan keep=7.min(most) words=PLAN error=error pending=pending />
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn BackupTable(rows: Vec<BackupShown>, actions: Actions, by_guest: bool) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    {by_guest.then(|| view! { <th>"Guest"</th> })}
                    <th>"Made"</th>
                    <th class="number">"Disk"</th>
                    <th class="number">"Holds"</th>
                    <th class="number">"Was new"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {rows
                    .into_iter()
                    .map(|row| view! { <BackupRow row=row actions=actions by_guest=by_guest /> })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn BackupRow(row: BackupShown, actions: Actions, by_guest: bool) -> impl IntoView {
    let name = row.guest_name.clone();
    let guest = match row.has_guest {
        true => view! { <a href=paths::guest_disk(row.guest)>{name.clone()}</a> }.into_any(),
        false => view! { {name.clone()} <span class="meta">" is gone"</span> }.into_any(),
    };
    let made = match row.is_whole {
        true if row.planned => view! { <When at=row.made_at /> <span class="meta">" by plan"</span> }.into_any(),
        true => view! { <When at=row.made_at /> }.into_any(),
        false => view! { <Mark shape="◌" class="badge changing" words="Being made" /> }.into_any(),
    };
    let bytes = |bytes: u64| if row.is_whole { size(bytes) } else { "–".to_owned() };
    let (holds, new) = (bytes(row.held_bytes), bytes(row.stored_bytes));
    view! {
        <tr>
            {by_guest.then(|| view! { <td data-label="Guest">{guest}</td> })}
            <td data-label="Made">{made}</td>
            <td data-label="Disk" class="number">{in_words(row.disk_mib)}</td>
            <td data-label="Holds" class="number">{holds}</td>
            <td data-label="Was new" class="number">{new}</td>
            <td class="row-actions">{row.is_whole.then(|| view! { <RowActions row=row.clone() actions=actions /> })}</td>
        </tr>
    }
    .into_any()
}

const RESTORE: &str = "Reads and checks all of it, then ends the guest, makes it the guest's disk, and starts it. The disk that it has now \
                       is kept for an hour, in which you can undo this on its page Disk.";
const REMOVE: &str = "The backup is gone for ever. Other backups and the guest stay as they are.";

#[component]
fn RowActions(row: BackupShown, actions: Actions) -> impl IntoView {
    let refused = |right: GuestRight| row.access.may(right).err().map(|why| why.to_string());
    let gone = (!row.has_guest).then(|| "Its guest is gone: make another one of it.".to_owned());
    let (restorable, removable) = (gone.or_else(|| refused(GuestRight::Settings)), refused(GuestRight::Delete));
    let (id, short) = (row.id, row.id.short());
    let (restore_id, remove_id) = (format!("restore-backup-{short}"), format!("remove-backup-{short}"));
    let (restores, removes) = (format!("Restore {}", row.guest_name), format!("Remove backup of {}", row.guest_name));
    let form = move |words: String, class: &'static str, refused: Option<String>, is_restore: bool| {
        let disabled = refused.is_some();
        let fields = view! {
            <input type="hidden" name="backup" value=id.to_string() />
            <button class=class type="submit" title=refused disabled=disabled>{words}</button>
        };
        match is_restore {
            true => view! { <ActionForm action=actions.restore attr:class="inline">{fields}</ActionForm> }.into_any(),
            false => view! { <ActionForm action=actions.remove attr:class="inline">{fields}</ActionForm> }.into_any(),
        }
    };
    let (restore_disabled, remove_disabled) = (restorable.is_some(), removable.is_some());
    view! {
        <button class="button needs-scripts" type="button" data-opens=restore_id.clone() disabled=restore_disabled title=restorable.clone()>
            "Restore…" <span class="visually-hidden">{row.guest_name.clone()}</span>
        </button>
        <button class="button danger needs-scripts" type="button" data-opens=remove_id.clone() disabled=remove_disabled title=removable.clone()>
            "Remove…" <span class="visually-hidden">{row.guest_name.clone()}</span>
        </button>
        {removable.is_none().then(|| view! {
            <a class="button" href=paths::backup_disk(id) rel="external" download="">
                "Download" <span class="visually-hidden">{row.guest_name.clone()}</span>
            </a>
            <a class="button" href=paths::backup_files(id, "")>
                "Files…" <span class="visually-hidden">{row.guest_name.clone()}</span>
            </a>
        })}
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
            <p>{REMOVE}</p>
            <div class="dialog-actions">
                <Cancel />
                {form(removes.clone(), "button danger final", removable, false)}
            </div>
        </Dialog>
    }
    .into_any()
}

/// Another guest out of one of them, whether its own is there or not.
#[component]
fn CloneForm(rows: Vec<BackupShown>, clone: ServerAction<BackupClone>) -> impl IntoView {
    let (error, pending) = (failure(clone), clone.pending());
    let may = |row: &BackupShown| row.is_whole && row.access.may(GuestRight::Delete).is_ok();
    let rows: Vec<BackupShown> = rows.into_iter().filter(may).collect();
    let options: Vec<(String, String)> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let words = match rows[..at].iter().filter(|other| other.guest == row.guest).count() {
                0 => format!("{}, the newest", row.guest_name),
                newer => format!("{}, {newer} before that", row.guest_name),
            };
            (row.id.to_string(), words)
        })
        .collect();
    if options.is_empty() {
        return ().into_any();
    }
    let newest = options.first().map(|(id, _)| id.clone()).unwrap_or_default();
    view! {
        <section class="card">
            <h2>"Make another guest of a backup"</h2>
            <p>
                "Of the same owner and size, with all that is on the disk. Its name and address are its own. Its host keys and machine "
                "id are made anew where the image knows of that."
            </p>
            <Failure error=error fields=&["name", "backup"] />
            <ActionForm action=clone attr:class="form">
                <Choice name="backup" label="Backup" options=options chosen=newest error=error />
                <TextField name="name" label="Name of the new guest" error=error hint="Also its host name: a–z, 0–9 and -." />
                <button class="button" type="submit" disabled=move || pending.get()>"Make the guest"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
