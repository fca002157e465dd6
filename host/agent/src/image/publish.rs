//! Images that are made of what a guest has: of a copy of its disk that is kept. The [`workshop`] reads the file system and
//! carries its files over into a new one, but for those that are the guest's own. The snapshot stays as it is: what is
//! read is another copy, whose journal can be played back.

use std::fs::File;
use std::path::Path;

use umbel_guest::publish::{Found, Trace};
use umbel_guest::{DiskKind, DiskSize, ImageId, Logins};
use umbel_wire::agent::{DiskOf, ImageSaid, Refusal};
use umbel_wire::launch::{Source, Task};

use super::import::{self, TOO_LARGE, begin};
use super::{Origin, refusal, remove, turn};
use crate::disk::{self, snapshot};
use crate::host::check_room;
use crate::state::{State, failed_at};
use crate::workshop::{self, WorkError, Worked};

/// Of an agent's own, beside those of images: no id has a dot there.
const LOOKING: &str = ".traces";

/// Makes an image of the disk, and tells what is not in it. Repeating it does no harm, and tells nothing; a failure leaves
/// nothing.
pub fn publish(
    state: &State,
    image: &ImageId,
    of: &DiskOf,
    logins: Logins,
    said: ImageSaid,
) -> Result<Vec<Found>, Refusal> {
    let making = state.making.begin(image);
    let _turn = turn();
    making.is_under_way()?;
    let made_of = Origin::Snapshot { guest: of.guest, snapshot: of.snapshot };
    let mut left = Vec::new();
    import::make(state, image, made_of, |import| {
        let looked = look(state, import.coming, of)?;
        left = looked.found;
        let used = looked.bytes;
        // What tables and a journal take, and what is left over.
        let size = import.size(used.saturating_add(used / 8).saturating_add(24 << 20))?;
        for size in DiskSize::ladder().filter(|other| *other >= size) {
            check_room(&state.layout, used)?;
            match import.worked(source(state, import.coming, of)?, Task::Publish { logins }, size) {
                Err(WorkError::Full) => {}
                Err(error) => return Err(import.refused(error)),
                Ok(file) => {
                    let whole = 0..import.length(&file)?;
                    return import.keep(file, whole, said);
                }
            }
        }
        Err(import.bad(TOO_LARGE))
    })?;
    left.retain(|found| found.trace != Trace::Logins || logins == Logins::Remove);
    Ok(left)
}

/// What of the disk is its guest's own. Changes nothing.
pub fn traces(state: &State, of: &DiskOf) -> Result<Vec<Found>, Refusal> {
    let _turn = turn();
    let coming = begin(&state.layout, LOOKING)?;
    let looked = look(state, &coming, of);
    let removed = remove(&coming).map_err(|error| refusal(&state.layout, &error));
    let found = looked?.found;
    removed.map(|()| found)
}

fn look(state: &State, coming: &Path, of: &DiskOf) -> Result<Worked, Refusal> {
    let to = coming.join("to");
    // Nothing is written.
    let made = crate::shelf::remove(&to).and_then(|()| File::create_new(&to)?.set_len(workshop::sectors(1)));
    made.map_err(failed_at("making", &to))?;
    workshop::work(state, coming, copied(state, coming, of)?, &to, Task::Traces).map_err(|error| match error {
        WorkError::Refused(refusal) => refusal,
        WorkError::Full => Refusal::BadDisk { reason: "its journal has no room".into() },
        WorkError::Bad(reason) => Refusal::BadDisk { reason },
    })
}

/// A copy of the snapshot, to be written to.
pub(super) fn copied(state: &State, coming: &Path, of: &DiskOf) -> Result<Source, Refusal> {
    let from = coming.join("from");
    crate::shelf::remove(&from).map_err(failed_at("removing", &from))?;
    snapshot::copy_out(state, of.guest, of.snapshot, &from)?;
    source(state, coming, of)
}

/// What the workshop is given of that copy.
fn source(state: &State, coming: &Path, of: &DiskOf) -> Result<Source, Refusal> {
    let file = coming.join("from");
    let mut opened = File::options().read(true).write(true).open(&file).map_err(failed_at("opening", &file))?;
    match of.kind {
        DiskKind::Memory => Err(Refusal::NotHere { what: "make an image of a root in memory".into() }),
        DiskKind::Plain => disk::check_plain(&mut opened, &file, of.size).map(|()| Source::Plain { file }),
        DiskKind::Cow => {
            let base = disk::base(&state.layout, &of.image, of.size)?;
            disk::check_child(state, &mut opened, &base).map(|()| Source::Cow { child: file, base })
        }
    }
}
