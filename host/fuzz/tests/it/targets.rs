//! What is fed: one function for each reader of foreign bytes.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use umbel_agent::libraries::closure;
use umbel_guest::by_hand::parse;
use umbel_guest::console::{FromReader, ToReader};
use umbel_guest::files::{FileKind, FilePath, LIST_MAX, parse_list};
use umbel_uml::cow::{CowHeader, looks_like_cow};
use umbel_uml::kernel::probe;
use umbel_uml::management::{Meminfo, parse_notice, parse_reply};
use umbel_wire::agent::{Reply, Request};
use umbel_wire::frame;
use umbel_wire::launch::ShimOrder;
use umbel_wire::ring::{Kept, RingReader};
use umbel_wire::shim::{FromShim, ToShim};
use umbel_wire::talk;
use umbel_wire::tar::{self, Contents};

/// What was understood is the same after it was written and read again.
fn json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(message) = frame::from_json::<T>(bytes) {
        let written = frame::to_json(&message).expect("plain data");
        assert_eq!(frame::from_json::<T>(&written).expect("ours"), message);
    }
}

pub(crate) fn agent_request(bytes: &[u8]) {
    json::<Request>(bytes);
}

pub(crate) fn agent_reply(bytes: &[u8]) {
    json::<Reply>(bytes);
}

pub(crate) fn shim_order(bytes: &[u8]) {
    json::<ShimOrder>(bytes);
}

pub(crate) fn to_shim(bytes: &[u8]) {
    if let Ok(said) = ToShim::decode(bytes) {
        assert_eq!(ToShim::decode(&said.encode().expect("not longer")).expect("ours"), said);
    }
}

pub(crate) fn from_shim(bytes: &[u8]) {
    if let Ok(said) = FromShim::decode(bytes) {
        assert_eq!(FromShim::decode(&said.encode().expect("not longer")).expect("ours"), said);
    }
}

/// A stream is cut into frames to its end, whatever it holds.
pub(crate) fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((content, used))) = frame::decode(rest) {
        assert!(used == content.len() + 4 && content.len() <= frame::MAX);
        rest = &rest[used..];
    }
    let mut stream = bytes;
    while frame::read(&mut stream).is_ok() {}
}

pub(crate) fn console_frames(bytes: &[u8]) {
    if let Ok(said) = FromReader::decode(bytes) {
        assert_eq!(FromReader::decode(&said.encode()).expect("ours"), said);
    }
    if let Ok(said) = ToReader::decode(bytes) {
        assert_eq!(ToReader::decode(&said.encode()).expect("ours"), said);
    }
}

pub(crate) fn cow_header(bytes: &[u8]) {
    let Ok(header) = CowHeader::parse(bytes) else { return };
    assert!(looks_like_cow(bytes));
    assert_eq!(CowHeader::parse(&header.to_bytes()).expect("ours"), header);
    // Sizes that no base has must not wrap around into small offsets.
    assert!(header.data_offset() >= 8192, "{header:?}");
}

pub(crate) fn mconsole_reply(bytes: &[u8]) {
    if let Some(part) = parse_reply(bytes) {
        assert!(part.text.len() <= bytes.len());
    }
}

pub(crate) fn mconsole_notice(bytes: &[u8]) {
    let _ = parse_notice(bytes);
    assert!(talk::line(bytes).len() <= 512);
}

pub(crate) fn meminfo(bytes: &[u8]) {
    if let Some(memory) = Meminfo::parse(&String::from_utf8_lossy(bytes)) {
        assert!(memory.available_kib <= memory.total_kib);
    }
}

/// What a guest has written over a disk: nothing in it is believed to go on behind its end.
pub(crate) fn archive(bytes: &[u8]) {
    let found = tar::contents(bytes.len() as u64, |at, header| {
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).and_then(|rest| rest.first_chunk());
        *header = *rest.expect("it lies before the end");
        Ok(())
    });
    match found {
        Ok(Contents::File { at, bytes: length }) => assert!(at + length <= bytes.len() as u64),
        Ok(Contents::Archive { bytes: length }) => assert!(length <= bytes.len() as u64),
        Err(_) => {}
    }
}

/// What a throw-away guest says of a directory: each name stands there once, and can be asked for.
pub(crate) fn file_list(bytes: &[u8]) {
    let list = parse_list(bytes);
    assert!(list.entries.len() <= LIST_MAX);
    assert!(list.entries.is_sorted_by(|one, other| one.name < other.name));
    for entry in &list.entries {
        let path = FilePath::default().join(&entry.name).expect("a name");
        assert_eq!(path.to_string().parse(), Ok(path));
        assert!(entry.mode <= 0o7777 && (entry.target.is_none() || entry.kind == FileKind::Link));
    }
}

/// What is taken over names each thing once, by a name that is there.
pub(crate) fn by_hand(bytes: &[u8]) {
    let found = parse(&String::from_utf8_lossy(bytes));
    for (i, disk) in found.disks.iter().enumerate() {
        assert!(disk.number < 16 && !disk.file.is_empty() && disk.backing.as_deref() != Some(""));
        assert!(found.disks[..i].iter().all(|other| other.number != disk.number));
    }
    for (i, card) in found.cards.iter().enumerate() {
        assert!(found.cards[..i].iter().all(|other| (other.number, other.kind) != (card.number, card.kind)));
    }
    let texts = [&found.root, &found.hostname, &found.umid, &found.init];
    assert!(texts.into_iter().flatten().all(|text| !text.is_empty()));
    assert!(found.left.iter().all(|left| !left.reason.is_empty()));
}

/// A ring that a shim has written to as it liked: its header, its note and its bytes.
pub(crate) fn ring(bytes: &[u8]) {
    let reader = RingReader::new(fs::File::open(file(bytes)).expect("there"));
    let _ = reader.note();
    if let Ok(extent) = reader.extent() {
        for offset in [0, extent.boot, extent.oldest(), extent.end, u64::MAX] {
            if let Ok(Kept::Bytes { bytes, .. }) = reader.read(offset, 4096) {
                assert!(bytes.len() <= 4096);
            }
        }
    }
}

pub(crate) fn kernel_file(bytes: &[u8]) {
    if let Ok(facts) = probe(&file(bytes)) {
        assert!(facts.version.len() <= 64 && facts.size_bytes == bytes.len() as u64);
    }
}

/// Which libraries a program needs, out of its own word.
pub(crate) fn libraries(bytes: &[u8]) {
    let _ = closure(&[&file(bytes)], Some(Path::new("/nowhere")));
}

/// A file with these bytes; each thread has its own, written anew each time.
fn file(bytes: &[u8]) -> PathBuf {
    thread_local! {
        static PLACE: tempfile::TempDir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("made");
    }
    let path = PLACE.with(|place| place.path().join("file"));
    fs::write(&path, bytes).expect("written");
    path
}
