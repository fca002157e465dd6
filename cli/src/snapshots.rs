//! Copies of a guest's disk: list, take, restore, clone, remove, and what an image of one would leave out.

use umbel_client::{Client, Snapshot};
use umbel_guest::publish::Found;
use umbel_guest::{GuestId, SnapshotId, SnapshotKind};

use crate::error::Failure;
use crate::files::list;
use crate::guests::{find, over};
use crate::options::SnapshotCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Snapshot>; 5] = [
    ("NAME", |snapshot| snapshot.name.clone()),
    ("MADE", |snapshot| if snapshot.is_whole { moment(snapshot.made_at) } else { "being made".into() }),
    ("MIB", |snapshot| (snapshot.taken_bytes >> 20).to_string()),
    ("GOES", |snapshot| snapshot.goes_at.map_or_else(|| "-".into(), moment)),
    ("ID", |snapshot| snapshot.id.to_string()),
];

const TRACES: [Column<Found>; 4] = [
    ("WHAT", |found| found.trace.title().to_owned()),
    ("FILES", |found| found.files.to_string()),
    ("KIB", |found| found.bytes.div_ceil(1024).to_string()),
    ("FIRST", |found| found.names.first().cloned().unwrap_or_default()),
];

pub(crate) async fn run(panel: &Client, command: SnapshotCommand, output: &Output) -> Result<(), Failure> {
    match command {
        SnapshotCommand::List { guest } => {
            let guest = find(panel, &guest).await?.id;
            output.many(&panel.snapshots(guest).await?.rows, &COLUMNS)
        }
        SnapshotCommand::Take { act, name } => {
            let guest = find(panel, &act.guest).await?.id;
            let taken = panel.snapshot_take(guest, name.as_deref().unwrap_or_default()).await?;
            over(panel, taken.operation, act.wait, output).await
        }
        SnapshotCommand::Restore { act, snapshot } => {
            let guest = find(panel, &act.guest).await?.id;
            let snapshot = sought(panel, guest, &snapshot).await?;
            match panel.snapshot_restore(guest, snapshot).await? {
                Some(operation) => over(panel, operation, act.wait, output).await,
                None => Ok(()),
            }
        }
        SnapshotCommand::Traces { guest, snapshot } => {
            let guest = find(panel, &guest).await?.id;
            let snapshot = sought(panel, guest, &snapshot).await?;
            output.many(&panel.snapshot_traces(guest, snapshot).await?, &TRACES)
        }
        SnapshotCommand::Files { guest, snapshot, path } => {
            let guest = find(panel, &guest).await?.id;
            let snapshot = sought(panel, guest, &snapshot).await?;
            list(&panel.snapshot_files(guest, snapshot, &path).await?, output)
        }
        SnapshotCommand::Get { guest, snapshot, get } => {
            let guest = find(panel, &guest).await?.id;
            let snapshot = sought(panel, guest, &snapshot).await?;
            get.put(panel.snapshot_file(guest, snapshot, &get.path, get.pack()).await?).await
        }
        SnapshotCommand::Plan { guest, every, keep } => {
            Ok(panel.plan_set(find(panel, &guest).await?.id, every.0, keep).await?)
        }
        SnapshotCommand::Clone { act, snapshot, name } => {
            let guest = find(panel, &act.guest).await?.id;
            let made = panel.snapshot_clone(guest, sought(panel, guest, &snapshot).await?, &name).await?;
            over(panel, made.operation, act.wait, output).await
        }
        SnapshotCommand::Remove { guest, snapshot } => {
            let guest = find(panel, &guest).await?.id;
            Ok(panel.snapshot_remove(guest, sought(panel, guest, &snapshot).await?).await?)
        }
    }
}

pub(crate) async fn sought(panel: &Client, guest: GuestId, word: &str) -> Result<SnapshotId, Failure> {
    let is = |row: &Snapshot| match word {
        "undo" => row.kind != SnapshotKind::Taken,
        _ => (row.kind == SnapshotKind::Taken && row.name == word) || row.id.to_string() == word,
    };
    let found = panel.snapshots(guest).await?.rows.into_iter().find(is);
    let unknown = || Failure::Unknown { what: "snapshot", name: word.to_owned(), list: "snapshots list" };
    Ok(found.ok_or_else(unknown)?.id)
}
