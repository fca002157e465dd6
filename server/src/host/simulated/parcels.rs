//! Files on their way into guests and out of them, of a simulated host. What is sent is written to the guest's disk, and what
//! is fetched are the words of the test.

use std::fs;

use umbel_guest::{FileName, ParcelId, ParcelSeen, Seen};
use umbel_wire::agent::{ParcelDeed, ParcelFacts, ParcelOrder, Refusal};
use umbel_wire::tar;

use super::answers::check;
use super::{Inner, Simulated, SimulatedGuest};
use crate::host::HostError;

/// What every file in a simulated guest holds.
const WORDS: &[u8] = b"words of a guest\n";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    id: ParcelId,
    fetched: Option<FileName>,
    seen: ParcelSeen,
}

/// A guest's line, which may say how far it is.
pub(super) fn heard(guest: &mut SimulatedGuest, text: &str, at: i64) {
    if let Some(parcel) = guest.parcel.as_mut().filter(|parcel| !parcel.seen.is_over())
        && let Some(seen) = ParcelSeen::of(text, parcel.id, at)
    {
        parcel.seen = seen;
    }
}

impl Simulated {
    /// Guests say by [`Simulated::say`] how far they are, and nothing by themselves.
    pub fn set_slow_parcels(&self, slow: bool) {
        self.change(|inner| inner.slow_parcels = slow);
    }

    pub(super) fn parcel_act(&self, order: ParcelOrder) -> Result<Option<ParcelFacts>, HostError> {
        let call = match order.deed {
            ParcelDeed::Send { .. } => "parcel_send",
            ParcelDeed::Fetch { .. } => "parcel_fetch",
            ParcelDeed::See {} => "parcel_see",
            ParcelDeed::Lend { .. } => "parcel_lend",
            ParcelDeed::End {} => "parcel_end",
        };
        let at = self.clock.now();
        let mut inner = self.begin(call, &format!("{} {}", order.guest, order.parcel))?;
        Ok(act(&mut inner, order, at)?)
    }
}

fn act(inner: &mut Inner, order: ParcelOrder, at: i64) -> Result<Option<ParcelFacts>, Refusal> {
    let ParcelOrder { guest: id, generation, parcel, deed } = order;
    let (slow, layout) = (inner.slow_parcels, inner.layout.clone());
    let seen = if slow { ParcelSeen::Waits } else { ParcelSeen::Done { at } };
    let guest = inner.guests.get_mut(&id).ok_or(Refusal::NotRunning)?;
    if !guest.seen.is_alive() {
        guest.parcel = None;
    }
    let own = guest.parcel.clone().filter(|own| own.id == parcel);
    let place = |upload| layout.as_ref().map(|layout| layout.upload(upload)).ok_or(Refusal::UnknownUpload { upload });
    let fetched = match deed {
        ParcelDeed::See {} => {
            return Ok(own.map(|own| ParcelFacts {
                seen: own.seen,
                written_bytes: own.fetched.is_some().then_some(WORDS.len() as u64),
            }));
        }
        ParcelDeed::End {} => {
            guest.parcel = guest.parcel.take().filter(|other| other.id != parcel);
            return Ok(None);
        }
        ParcelDeed::Lend { upload } => {
            let none = || Refusal::BadParcel { reason: "the guest has not said that it is done".into() };
            let own = own.filter(|own| matches!(own.seen, ParcelSeen::Done { .. })).ok_or_else(none)?;
            let name = own.fetched.ok_or_else(none)?;
            let mut archive = tar::head(&name, WORDS.len() as u64, 1);
            archive.extend_from_slice(WORDS);
            archive.resize(8192, 0);
            fs::write(place(upload)?.join("disk"), archive).map_err(|_| Refusal::UnknownUpload { upload })?;
            return Ok(None);
        }
        ParcelDeed::Send { upload, name } => {
            if !fs::exists(place(upload)?.join("disk")).unwrap_or_default() {
                return Err(Refusal::UnknownUpload { upload });
            }
            if own.is_none() && !slow {
                guest.written.push_str(&format!("file {name} "));
            }
            None
        }
        ParcelDeed::Fetch { path, .. } => Some(path.name().parse().expect("a part of a path")),
    };
    check(guest.heard, generation)?;
    guest.heard = guest.heard.max(generation);
    match (&guest.seen, &guest.parcel) {
        (Seen::Running { .. }, Some(other)) if other.id != parcel => Err(Refusal::ParcelUnderWay { parcel: other.id }),
        (Seen::Running { .. }, Some(_)) => Ok(None),
        (Seen::Running { .. }, None) => {
            guest.parcel = Some(Parcel { id: parcel, fetched, seen });
            Ok(None)
        }
        (Seen::Paused { .. }, _) => Err(Refusal::IsPaused),
        (Seen::Starting | Seen::Stopping, _) => Err(Refusal::StillRunning),
        (Seen::Gone | Seen::Ended { .. }, _) => Err(Refusal::NotRunning),
    }
}
