//! Disks that guests have beside their own: list, create, attach, detach, grow, remove.

use umbel_client::{Client, Volume};
use umbel_guest::{VolumeAccess, VolumeState};

use crate::error::Failure;
use crate::groups;
use crate::guests::find;
use crate::options::VolumeCommand;
use crate::output::{Column, Output};

const COLUMNS: [Column<Volume>; 6] = [
    ("NAME", |volume| volume.name.clone()),
    ("OWNER", |volume| volume.owner_name.clone()),
    ("MIB", |volume| volume.size_mib.to_string()),
    ("TAKES", |volume| volume.taken_bytes.map_or_else(|| "-".into(), |bytes| (bytes >> 20).to_string())),
    ("ATTACHED", attached),
    ("ID", |volume| volume.id.to_string()),
];

fn attached(volume: &Volume) -> String {
    match volume.state {
        VolumeState::Coming => return "being made".into(),
        VolumeState::Going => return "being removed".into(),
        VolumeState::Kept if volume.attached.is_empty() => return "-".into(),
        VolumeState::Kept => {}
    }
    let guest = |guest: &umbel_client::VolumeGuest| {
        let access = if guest.access == VolumeAccess::ReadOnly { " (ro)" } else { "" };
        format!("{} {}{access}", guest.guest_name, guest.device)
    };
    volume.attached.iter().map(guest).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn run(panel: &Client, command: VolumeCommand, output: &Output) -> Result<(), Failure> {
    match command {
        VolumeCommand::List => output.many(&panel.volume_list().await?.volumes, &COLUMNS),
        VolumeCommand::Create { name, size, group } => {
            let group = groups::named(panel, group.as_deref()).await?;
            output.many(&[panel.volume_create(&name, size, group).await?], &COLUMNS)
        }
        VolumeCommand::Attach { volume, guest, read_only } => {
            let guest = find(panel, &guest).await?.id;
            let access = if read_only { VolumeAccess::ReadOnly } else { VolumeAccess::ReadWrite };
            let volume = sought(panel, &volume).await?.id;
            output.many(&[panel.volume_attach(guest, volume, access).await?], &COLUMNS)
        }
        VolumeCommand::Detach { volume, guest } => {
            let guest = find(panel, &guest).await?.id;
            Ok(panel.volume_detach(guest, sought(panel, &volume).await?.id).await?)
        }
        VolumeCommand::Grow { volume, size } => {
            let volume = sought(panel, &volume).await?.id;
            output.many(&[panel.volume_grow(volume, size).await?], &COLUMNS)
        }
        VolumeCommand::Remove { volume } => {
            // Also what is only a file on the host.
            let volume = match volume.parse() {
                Ok(id) => id,
                Err(_) => sought(panel, &volume).await?.id,
            };
            Ok(panel.volume_remove(volume).await?)
        }
    }
}

/// By its id or its name, or `owner/name` where several have it.
async fn sought(panel: &Client, word: &str) -> Result<Volume, Failure> {
    if let Ok(id) = word.parse() {
        return Ok(panel.volume_fetch(id).await?);
    }
    let is = |volume: &Volume| volume.name == word || format!("{}/{}", volume.owner_name, volume.name) == word;
    let mut found = panel.volume_list().await?.volumes.into_iter().filter(is);
    match (found.next(), found.next()) {
        (Some(volume), None) => Ok(volume),
        (Some(one), Some(other)) => Err(Failure::Wrong(format!(
            "{word} is {}'s and {}'s: say {}/{word}, or the id",
            one.owner_name, other.owner_name, one.owner_name
        ))),
        _ => Err(Failure::Unknown { what: "volume", name: word.to_owned(), list: "volumes list" }),
    }
}
