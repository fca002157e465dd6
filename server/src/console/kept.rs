//! What is kept of a console, out of its ring file: for readers while there is no shim, and as a text.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use umbel_guest::GuestId;
use umbel_wire::Layout;
use umbel_wire::ring::{FIRST, Kept, LATEST, RingError, RingReader};

/// The ring of a guest, or `None` where it never ran. The guest's user may own the file, so a link
/// or a pipe in its place leads nowhere and holds up nobody.
pub(super) fn open_ring(layout: &Layout, guest: GuestId) -> Option<RingReader> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(layout.ring(guest)).ok()?;
    is_file(&file).then(|| RingReader::new(file))
}

fn is_file(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// A ring that nobody writes to is read in five: its first part, a gap, the latest part around its end.
const PIECES_MOST: usize = 64;

/// A stretch of a console's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub pieces: Vec<Piece>,
    /// Offset of the next byte, as it was when the reading began.
    pub end: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes { offset: u64, bytes: Vec<u8> },
    Gap { from: u64, to: u64 },
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{since} has not been written yet; the console ends at {end}")]
    FromTheFuture { since: u64, end: u64 },
    #[error("reading the console")]
    Ring(#[from] RingError),
}

/// Everything that is kept from `since` on (`None` is the oldest byte); blocks for a copy of it.
pub fn log(layout: &Layout, guest: GuestId, since: Option<u64>) -> Result<Log, LogError> {
    let ring = open_ring(layout, guest);
    let extent = match ring.as_ref().map(RingReader::extent).transpose() {
        Ok(extent) => extent,
        // Its shim has not begun it yet.
        Err(RingError::Header(_)) => None,
        Err(RingError::Read(error)) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => return Err(error.into()),
    };
    let (oldest, end) = extent.map_or((0, 0), |extent| (extent.oldest(), extent.end));
    let mut at = since.unwrap_or(oldest);
    if at > end {
        return Err(LogError::FromTheFuture { since: at, end });
    }
    let mut log = Log { pieces: Vec::new(), end };
    let Some(ring) = ring else { return Ok(log) };
    // Bounded also where somebody writes odd numbers into the header while we read.
    let mut room = FIRST + LATEST;
    while at < end && room > 0 && log.pieces.len() < PIECES_MOST {
        let most = room.min(usize::try_from(end - at).unwrap_or(room));
        match ring.read(at, most)? {
            Kept::Bytes { offset, bytes } => {
                room -= bytes.len().clamp(1, room);
                at = offset + bytes.len() as u64;
                log.pieces.push(Piece::Bytes { offset, bytes });
            }
            Kept::Gap { from, to } => {
                at = to;
                log.pieces.push(Piece::Gap { from, to });
            }
            Kept::End | Kept::Beyond { .. } => break,
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nix::sys::stat::Mode;
    use umbel_guest::Generation;
    use umbel_wire::ring::RingWriter;

    use super::*;

    fn guest() -> GuestId {
        "0190a000-0000-7000-8000-000000000001".parse().expect("an id")
    }

    fn layout(data: &Path) -> Layout {
        let layout = Layout::new(data, Path::new("/run/umbel")).expect("exists");
        std::fs::create_dir_all(layout.guest(guest())).expect("a directory");
        layout
    }

    fn write(layout: &Layout, bytes: &[u8]) {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(layout.ring(guest())).expect("a ring");
        RingWriter::begin(&file, Generation::FIRST).expect("maps").append(bytes);
    }

    #[test]
    fn a_text_is_what_was_written_from_there_on() {
        let data = tempfile::tempdir().expect("tmp");
        let layout = layout(data.path());
        assert_eq!(log(&layout, guest(), None).expect("none yet"), Log::default());
        write(&layout, b"hello world");
        let since = log(&layout, guest(), Some(6)).expect("kept");
        assert_eq!(since.pieces, [Piece::Bytes { offset: 6, bytes: b"world".to_vec() }]);
        assert!(log(&layout, guest(), Some(11)).expect("the end").pieces.is_empty());
        let future = log(&layout, guest(), Some(12));
        assert!(matches!(future, Err(LogError::FromTheFuture { since: 12, end: 11 })), "{future:?}");
    }

    #[test]
    fn what_fell_out_is_a_gap() {
        let data = tempfile::tempdir().expect("tmp");
        let layout = layout(data.path());
        write(&layout, &vec![b'x'; 3 * LATEST]);
        let log = log(&layout, guest(), Some(0)).expect("kept");
        let (mut bytes, mut gaps) = (0, Vec::new());
        for piece in log.pieces {
            match piece {
                Piece::Bytes { bytes: some, .. } => bytes += some.len(),
                Piece::Gap { from, to } => gaps.push((from, to)),
            }
        }
        assert_eq!((bytes, gaps), (FIRST + LATEST, vec![(FIRST as u64, 2 * LATEST as u64)]));
    }

    #[test]
    fn a_pipe_or_a_link_in_its_place_leads_nowhere() {
        let data = tempfile::tempdir().expect("tmp");
        let layout = layout(data.path());
        nix::unistd::mkfifo(&layout.ring(guest()), Mode::S_IRWXU).expect("a pipe");
        assert!(open_ring(&layout, guest()).is_none());
        std::fs::remove_file(layout.ring(guest())).expect("it is ours");
        std::os::unix::fs::symlink("/etc/passwd", layout.ring(guest())).expect("a link");
        assert!(open_ring(&layout, guest()).is_none());
    }
}
