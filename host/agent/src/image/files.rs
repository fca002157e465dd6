//! Single files off a disk: off a snapshot, or off a whole one that the panel has fetched from where backups are. The
//! [`workshop`] has the disk mounted; what it reads is a layer over it, in which a journal can be played back, so the disk
//! stays as it is. Nothing of what was read is looked at here: it is handed to the panel, which has no rights.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use umbel_guest::files::{FileAsk, NoFile};
use umbel_guest::{DiskSize, UploadId};
use umbel_uml::cow;
use umbel_wire::agent::{FilesOf, FilesRead, Refusal};
use umbel_wire::launch::Source;

use super::import::begin;
use super::{publish, refusal, remove};
use crate::disk::{self, whole};
use crate::host::{check_room, free_mib, room_bytes};
use crate::in_full;
use crate::state::{State, failed_at};
use crate::workshop::{self, WorkError};

/// Of an agent's own, beside those of images: no id has a dot there.
const READING: &str = ".files";
/// What is taken at once. A disk is at most four times as large.
const MOST: u64 = 4 << 30;
/// For a list: each of its lines has a name and where a link leads.
const LIST: u64 = 64 << 20;
/// How long one waits for others.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

/// Puts what is asked for into the panel's directory. Changes nothing else; a failure leaves nothing.
pub fn read_files(state: &State, asked: &FilesRead) -> Result<(), Refusal> {
    let _turn = turn()?;
    let coming = begin(&state.layout, READING)?;
    let read = read(state, &coming, asked);
    let removed = remove(&coming).map_err(|error| refusal(&state.layout, &error));
    read.and(removed)
}

/// One at a time: there is one guest for it. Who waits too long is told so, and asks again.
fn turn() -> Result<std::sync::MutexGuard<'static, ()>, Refusal> {
    static TURN: Mutex<()> = Mutex::new(());
    let until = Instant::now() + PATIENCE;
    loop {
        match TURN.try_lock() {
            Ok(turn) => return Ok(turn),
            Err(TryLockError::Poisoned(turn)) => return Ok(PoisonError::into_inner(turn)),
            Err(TryLockError::WouldBlock) if Instant::now() > until => {
                let error = "others are reading files; try again".to_owned();
                return Err(Refusal::Failed { step: "waiting for a turn".into(), error });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
        }
    }
}

fn read(state: &State, coming: &Path, asked: &FilesRead) -> Result<(), Refusal> {
    check_room(&state.layout, 0)?;
    let from = match &asked.of {
        FilesOf::Snapshot(of) => publish::copied(state, coming, of)?,
        FilesOf::Upload { upload, size } => layer(state, coming, *upload, *size)?,
    };
    // It is there twice until the panel has it.
    let room = room_bytes(&state.layout)? / 2;
    let most = match asked.ask {
        FileAsk::List => LIST,
        FileAsk::Content | FileAsk::Archive => MOST,
    };
    let length = workshop::sectors(most.min(room).max(1));
    let to = coming.join("to");
    File::create_new(&to).and_then(|file| file.set_len(length)).map_err(failed_at("making", &to))?;
    let bytes = workshop::read(state, coming, from, &to, (asked.ask, &asked.path));
    let bytes = bytes.map_err(|error| match error {
        WorkError::Bad(word) => match NoFile::of_word(&word, length >> 20) {
            NoFile::Large { .. } if length < most => full(state),
            why => Refusal::NoFile { why },
        },
        WorkError::Full => full(state),
        WorkError::Refused(refusal) => refusal,
    })?;
    let opened = File::options().read(true).write(true).open(&to);
    // What the guest says is believed no further than its disk goes.
    let opened = opened.and_then(|file| file.set_len(bytes.min(length)).map(|()| file));
    whole::put(state, asked.to, opened.map_err(failed_at("opening", &to))?)
}

fn full(state: &State) -> Refusal {
    Refusal::DiskFull { free_mib: free_mib(state.layout.data()).unwrap_or_default() }
}

/// A child of the panel's disk, with nothing in it.
fn layer(state: &State, coming: &Path, upload: UploadId, size: DiskSize) -> Result<Source, Refusal> {
    let disk = whole::find(state, upload, size)?;
    let base = state.layout.upload(upload).join("disk");
    // The workshop's user reads it in its jail; here nobody but the panel gets into the directory.
    let shown = disk.set_permissions(std::fs::Permissions::from_mode(0o444));
    shown.map_err(failed_at("showing to the workshop", &base))?;
    let file = coming.join("from");
    let mut child =
        File::options().read(true).write(true).create_new(true).open(&file).map_err(failed_at("making", &file))?;
    let bad = |error| Refusal::BadDisk { reason: in_full(&error) };
    cow::write_child(&mut child, &base).map_err(bad)?;
    disk::check_child(state, &mut child, &base).map(|()| Source::Cow { child: file, base })
}
