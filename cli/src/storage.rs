//! What takes how much of the host's disk, and what lies there that the panel knows nothing of.

use umbel_client::{Client, Leftover, StoredGuest, StoredImage};

use crate::error::Failure;
use crate::options::StorageCommand;
use crate::output::{Column, Output};

const GUESTS: [Column<StoredGuest>; 5] = [
    ("GUEST", |guest| guest.name.clone()),
    ("OWNER", |guest| guest.owner.clone()),
    ("SIZE MIB", |guest| guest.disk_mib.to_string()),
    ("MIB", |guest| (guest.taken_bytes >> 20).to_string()),
    ("SNAPSHOTS MIB", |guest| (guest.snapshots_bytes >> 20).to_string()),
];

const IMAGES: [Column<StoredImage>; 4] = [
    ("IMAGE", |image| image.image.to_string()),
    ("MIB", |image| (image.taken_bytes >> 20).to_string()),
    ("GUESTS", |image| image.guests.to_string()),
    ("SAVES MIB", |image| (image.saved_bytes >> 20).to_string()),
];

const LEFTOVERS: [Column<Leftover>; 3] = [
    ("WHAT", |left| match (left.snapshot, &left.guest_name) {
        (Some(_), Some(name)) => format!("a snapshot of {name}"),
        (Some(_), None) => "a snapshot".into(),
        (None, _) => "a guest".into(),
    }),
    ("ID", id_of),
    ("MIB", |left| (left.taken_bytes >> 20).to_string()),
];

fn id_of(left: &Leftover) -> String {
    left.snapshot.map_or_else(|| left.guest.to_string(), |snapshot| snapshot.to_string())
}

pub(crate) async fn run(panel: &Client, command: StorageCommand, output: &Output) -> Result<(), Failure> {
    let storage = panel.storage().await?;
    match command {
        StorageCommand::Guests => output.many(&storage.guests, &GUESTS),
        StorageCommand::Images => output.many(&storage.images, &IMAGES),
        StorageCommand::Leftovers => output.many(&storage.leftovers, &LEFTOVERS),
        StorageCommand::Remove { id } => {
            let left = storage.leftovers.iter().find(|left| id_of(left) == id);
            let unknown = || Failure::Unknown { what: "leftover", name: id.clone(), list: "storage leftovers" };
            let left = left.ok_or_else(unknown)?;
            Ok(panel.leftover_remove(left.guest, left.snapshot).await?)
        }
    }
}
