//! What lies on the disk of a backup or a snapshot: directories to walk through, and files to take home. All of it are links,
//! so it needs no scripts. Names are a guest's, and come as text in which nothing deceives.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use umbel_guest::files::{FileKind, FilePath};
use umbel_guest::{BackupId, GuestId, SnapshotId};

use crate::api::files::{BackupClose, BackupOpen, backup_files, snapshot_files};
use crate::api::missing;
use crate::live::Live;
use crate::pages::guests::show::GuestContext;
use crate::parts::curve::size;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::table::PageHead;
use crate::parts::time::{When, utc};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{BackupFilesShown, FileShown, FilesShown, OpenState};

/// So many rows are on a page.
const ROWS_MOST: usize = 1000;

/// On whose disk it is.
#[derive(Clone, Copy, Debug)]
enum Of {
    Backup(BackupId),
    Snapshot(GuestId, SnapshotId),
}

impl Of {
    fn directory(self, path: &str) -> String {
        match self {
            Self::Backup(backup) => paths::backup_files(backup, path),
            Self::Snapshot(guest, snapshot) => paths::snapshot_files(guest, snapshot, path),
        }
    }

    fn file(self, path: &str, pack: &str) -> String {
        match self {
            Self::Backup(backup) => paths::backup_file(backup, path, pack),
            Self::Snapshot(guest, snapshot) => paths::snapshot_file(guest, snapshot, path, pack),
        }
    }
}

fn asked_path() -> Memo<String> {
    let query = use_query_map();
    Memo::new(move |_| query.read().get("path").unwrap_or_default())
}

#[component]
pub fn BackupFilesPage() -> impl IntoView {
    let (params, path, live) = (use_params_map(), asked_path(), Live::expect());
    let backup = Memo::new(move |_| params.read().get("backup").and_then(|text| text.parse::<BackupId>().ok()));
    let (open, close) = (ServerAction::<BackupOpen>::new(), ServerAction::<BackupClose>::new());
    let changed = live.guests();
    let files = Resource::new(
        move || (backup.get(), path.get(), changed.get(), open.version().get()),
        |(backup, path, ..)| async move { backup_files(backup.ok_or_else(|| missing("backup"))?, path).await },
    );
    view! {
        <Title text="Files of a backup" />
        <Failure error=failure(open) />
        <Failure error=failure(close) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match files.await {
                    Ok(shown) => view! { <Backup shown=shown open=open close=close /> }.into_any(),
                    Err(error) => view! { <PageHead title="Files of a backup" /> <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Backup(shown: BackupFilesShown, open: ServerAction<BackupOpen>, close: ServerAction<BackupClose>) -> impl IntoView {
    let (id, title) = (shown.backup, format!("Files of {}", shown.guest_name));
    let form = move || {
        let pending = open.pending();
        view! {
            <ActionForm action=open attr:class="form">
                <input type="hidden" name="backup" value=id.to_string() />
                <button class="button primary" type="submit" disabled=move || pending.get()>"Open the backup"</button>
            </ActionForm>
        }
    };
    let here = paths::backup_files(id, "");
    let body = match shown.opened {
        OpenState::Closed => view! {
            <p>
                "To look into it, its disk is fetched from where backups are, and checked. It takes of this host's disk what the guest "
                "had written, until nobody has looked into it for an hour."
            </p>
            {form()}
        }
        .into_any(),
        OpenState::Opening { percent } => view! {
            <p class="notice changing" role="status">
                {format!("It is being fetched and checked: {percent} %. ")} <a href=here>"See how far it is"</a>
            </p>
        }
        .into_any(),
        OpenState::Failed { reason } => view! {
            <p class="notice">{format!("It could not be opened: {reason}.")}</p>
            {form()}
        }
        .into_any(),
        OpenState::Open => view! {
            {shown.files.map(|files| view! {
                <Listed of=Of::Backup(id) files=files>
                    <ActionForm action=close>
                        <input type="hidden" name="backup" value=id.to_string() />
                        <button class="button" type="submit">"Close the backup"</button>
                    </ActionForm>
                </Listed>
            })}
        }
        .into_any(),
    };
    view! {
        <PageHead title=title />
        <p class="meta">"Backed up " <When at=shown.made_at /> ". " <a href=paths::BACKUPS>"All backups"</a></p>
        {body}
    }
    .into_any()
}

#[component]
pub fn SnapshotFilesPage() -> impl IntoView {
    let (context, params, path) = (GuestContext::expect(), use_params_map(), asked_path());
    let snapshot = Memo::new(move |_| params.read().get("snapshot").and_then(|text| text.parse::<SnapshotId>().ok()));
    let files = Resource::new(
        move || (context.id.get().zip(snapshot.get()), path.get()),
        |(of, path)| async move {
            let (guest, snapshot) = of.ok_or_else(|| missing("snapshot"))?;
            Ok((guest, snapshot, snapshot_files(guest, snapshot, path).await?))
        },
    );
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                context.guest.await.ok()?;
                Some(match files.await {
                    Ok((guest, snapshot, files)) => view! {
                        <h2>"Files of a snapshot"</h2>
                        <Listed of=Of::Snapshot(guest, snapshot) files=files>
                            <a class="button" href=paths::guest_disk(guest)>"Back to the disk"</a>
                        </Listed>
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                })
            })}
        </Transition>
    }
}

/// The directories above, each with its address.
fn crumbs(of: Of, path: &str) -> Vec<(String, String)> {
    let Ok(path) = path.parse::<FilePath>() else { return Vec::new() };
    let above = path.above().chain([path.clone()]).filter(|above| !above.is_root());
    let name = |above: &FilePath| above.names().last().map(ToString::to_string).unwrap_or_default();
    let named = above.map(|above| (name(&above), of.directory(&above.to_string())));
    std::iter::once(("disk".to_owned(), of.directory(""))).chain(named).collect()
}

/// `children` is what else can be done, beside taking all of it.
#[component]
fn Listed(of: Of, files: FilesShown, children: Children) -> impl IntoView {
    let crumbs = crumbs(of, &files.path).into_iter().map(|(name, address)| {
        view! { <a href=address>{name}</a> " / " }
    });
    let count = files.rows.len();
    let more = match (files.has_more, count > ROWS_MOST) {
        (true, _) => Some(format!("There are more than {count}; the first {ROWS_MOST} of some of them are shown.")),
        (false, true) => Some(format!("There are {count}; the first {ROWS_MOST} are shown.")),
        (false, false) => None,
    };
    let damaged = "Some of this directory can't be read: its file system is damaged.";
    let is_empty = files.rows.is_empty();
    let rows = files.rows.into_iter().take(ROWS_MOST).map(|row| view! { <FileRow of=of row=row /> }).collect_view();
    view! {
        <nav aria-label="Path" class="file-name file-path">{crumbs.collect_view()}</nav>
        {files.is_damaged.then(|| view! { <p class="notice">{damaged}</p> })}
        {more.map(|more| view! { <p class="meta">{more}</p> })}
        {match is_empty {
            true => view! { <p class="meta">"It is empty."</p> }.into_any(),
            false => view! {
                <table class="table cards">
                    <thead>
                        <tr>
                            <th>"Name"</th>
                            <th class="number">"Size"</th>
                            <th>"Changed"</th>
                            <th>"Mode"</th>
                            <th>"Owner"</th>
                            <th><span class="visually-hidden">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }
            .into_any(),
        }}
        <div class="file-actions">
            <a class="button" href=of.file(&files.path, "tar") rel="external">
                "Take this directory as tar"
            </a>
            {children()}
        </div>
        <p class="meta">
            "A letter that could deceive stands as % and two digits. Links are shown and not followed; devices, pipes and sockets are "
            "in no archive."
        </p>
    }
    .into_any()
}

#[component]
fn FileRow(of: Of, row: FileShown) -> impl IntoView {
    let name = match row.kind {
        FileKind::Directory => view! { <a href=of.directory(&row.path)>{format!("{}/", row.name)}</a> }.into_any(),
        FileKind::File => view! {
            <a href=of.file(&row.path, "") rel="external">{row.name.clone()}</a>
        }
        .into_any(),
        FileKind::Link => {
            let leads = format!(" → {}", row.target.clone().unwrap_or_default());
            view! { {row.name.clone()} <span class="meta">{leads}</span> }.into_any()
        }
        FileKind::Special => {
            view! { {row.name.clone()} <span class="meta">" device, pipe or socket"</span> }.into_any()
        }
    };
    let bytes = match (row.kind, row.bytes) {
        (FileKind::File, small @ 0..1024) => format!("{small} B"),
        (FileKind::File, bytes) => size(bytes),
        _ => "–".to_owned(),
    };
    let archive = (row.kind == FileKind::Directory).then(|| {
        view! {
            <a class="button" href=of.file(&row.path, "tar") rel="external">
                "As tar" <span class="visually-hidden">{format!(" {}", row.name)}</span>
            </a>
        }
    });
    view! {
        <tr>
            <td data-label="Name" class="file-name">{name}</td>
            <td data-label="Size" class="number">{bytes}</td>
            <td data-label="Changed">{utc(row.changed_at)}</td>
            <td data-label="Mode" class="detail"><code>{row.mode}</code></td>
            <td data-label="Owner" class="detail"><code>{format!("{}:{}", row.uid, row.gid)}</code></td>
            <td class="row-actions">{archive}</td>
        </tr>
    }
    .into_any()
}
