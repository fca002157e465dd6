//! What lies on a simulated disk: a few names, and what a guest wrote.

use std::fs;

use umbel_guest::files::{FileAsk, NoFile};
use umbel_wire::agent::{FilesOf, FilesRead, Refusal};

use super::Inner;
use super::disks::read_upload;

/// Each with a letter as find(1) has it, and what it holds; what was written is put into the one that is empty.
const FILES: [(&str, char, &str); 7] = [
    ("/etc", 'd', ""),
    ("/etc/hostname", 'f', "web\n"),
    ("/etc/a%0Ab", 'f', "two lines"),
    ("/etc/mtab", 'l', "../proc/mounts"),
    ("/etc/zero", 'c', ""),
    ("/root", 'd', ""),
    ("/root/written", 'f', ""),
];

pub(super) fn read(inner: &Inner, asked: &FilesRead) -> Result<(), Refusal> {
    let written = match &asked.of {
        FilesOf::Upload { upload, size } => read_upload(inner, *upload, *size)?,
        FilesOf::Snapshot(of) => {
            let snapshot = inner.guests.get(&of.guest).and_then(|guest| guest.snapshots.get(&of.snapshot));
            snapshot.ok_or(Refusal::UnknownSnapshot { snapshot: of.snapshot })?.clone()
        }
    };
    let (path, refused) = (asked.path.to_string(), |why| Err(Refusal::NoFile { why }));
    let found = FILES.iter().find(|(name, ..)| *name == path);
    let (kind, held) = match found {
        None if asked.path.is_root() => ('d', ""),
        None => return refused(NoFile::Missing),
        Some((_, kind, held)) => (*kind, if held.is_empty() { &written } else { *held }),
    };
    let content = match (asked.ask, kind) {
        (FileAsk::List, 'd') => list(&path, &written),
        (FileAsk::Content, 'f') => held.as_bytes().to_vec(),
        // No archive is made of it; nobody here unpacks one.
        (FileAsk::Archive, 'f' | 'd') => vec![0; 10_240],
        (FileAsk::List, _) => return refused(NoFile::NoDirectory),
        (FileAsk::Content, 'd') => return refused(NoFile::Directory),
        (FileAsk::Content | FileAsk::Archive, _) => return refused(NoFile::Special),
    };
    let unknown = || Refusal::UnknownUpload { upload: asked.to };
    let place = inner.layout.as_ref().ok_or_else(unknown)?.upload(asked.to);
    fs::write(place.join("disk"), content).map_err(|_| unknown())
}

fn list(path: &str, written: &str) -> Vec<u8> {
    let below = if path == "/" { path.to_owned() } else { format!("{path}/") };
    let within = FILES.iter().filter_map(|(name, kind, held)| Some((name.strip_prefix(&below)?, kind, held)));
    let lines = within.filter(|(name, ..)| !name.contains('/')).map(|(name, kind, held)| {
        let name = name.replace("%0A", "\n");
        let bytes = if *kind == 'f' && held.is_empty() { written.len() } else { held.len() };
        let target = if *kind == 'l' { *held } else { "" };
        format!("{name}/{kind}/{bytes}/644/0/0/1700000000.0/{target}\0")
    });
    lines.collect::<String>().into_bytes()
}
