//! Volumes, and which guests have them. A volume's size counts as disk of its owner's, from before its file is made until
//! it is gone: it is asked for by [`disk_ask`](super::quotas::disk_ask) before it is written here, and given back here.

use umbel_guest::{AccountId, DiskSize, GuestId, GuestName, Slot, VolumeAccess, VolumeId, VolumeState};

use super::StoreError;
use super::db::{On, Tx};
use super::meta::HostId;
use super::query::{Row, sql};
use super::quotas::{disk_give_back, host_promise_disk};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub id: VolumeId,
    pub host: HostId,
    pub owner: AccountId,
    pub owner_name: String,
    pub name: String,
    pub size: DiskSize,
    pub state: VolumeState,
    pub created_at: i64,
}

/// A guest that has a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub volume: VolumeId,
    pub guest: GuestId,
    pub guest_name: GuestName,
    pub slot: Slot,
    pub access: VolumeAccess,
}

fn size(row: &Row) -> Result<DiskSize, StoreError> {
    DiskSize::from_mib(row.number("size_mib")?).map_err(|error| row.unreadable("size_mib", error.message))
}

fn volume(row: &Row) -> Result<Volume, StoreError> {
    Ok(Volume {
        id: row.parse("id")?,
        host: row.parse("host")?,
        owner: row.parse("owner")?,
        owner_name: row.get("owner_name")?,
        name: row.get("name")?,
        size: size(row)?,
        state: row.parse("state")?,
        created_at: row.get("created_at")?,
    })
}

fn attached(row: &Row) -> Result<Attached, StoreError> {
    Ok(Attached {
        volume: row.parse("volume")?,
        guest: row.parse("guest")?,
        guest_name: row.parse("guest_name")?,
        slot: row.parse("slot")?,
        access: row.parse("access")?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT v.id AS id, v.host AS host, v.owner AS owner, a.name AS owner_name, v.name AS name, ",
            "v.size_mib AS size_mib, v.state AS state, v.created_at AS created_at ",
            "FROM volumes v JOIN accounts a ON a.id = v.owner ",
            $rest
        )
    };
}

macro_rules! select_attached {
    ($rest:literal) => {
        concat!(
            "SELECT t.volume AS volume, t.guest AS guest, g.name AS guest_name, t.slot AS slot, t.access AS access ",
            "FROM volume_attachments t JOIN guests g ON g.id = t.guest ",
            $rest
        )
    };
}

/// Fails with [`StoreError::Duplicate`] where its owner has one of that name. The last of its transaction.
pub async fn volume_insert(tx: &mut Tx, volume: &Volume) -> Result<(), StoreError> {
    let insert = "INSERT INTO volumes (id, host, owner, name, size_mib, state, created_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let query = sql("volume_insert", insert).bind(volume.id).bind(volume.host.to_string()).bind(volume.owner);
    let query = query.bind(volume.name.as_str()).bind(volume.size.mib()).bind(volume.state.word());
    query.bind(volume.created_at).run(&mut *tx).await?;
    host_promise_disk(tx, volume.host, volume.size.mib().into()).await
}

pub async fn volume_fetch(on: impl Into<On<'_>>, id: VolumeId) -> Result<Option<Volume>, StoreError> {
    sql("volume_fetch", select!("WHERE v.id = $1")).bind(id).one(on).await?.as_ref().map(volume).transpose()
}

/// All of a host, by their owners' names and their own.
pub async fn volume_list(on: impl Into<On<'_>>, host: HostId) -> Result<Vec<Volume>, StoreError> {
    let query = sql("volume_list", select!("WHERE v.host = $1 ORDER BY a.name, v.name")).bind(host.to_string());
    query.all(on).await?.iter().map(volume).collect()
}

/// Those of an account, by name.
pub async fn volume_list_of(on: impl Into<On<'_>>, owner: AccountId) -> Result<Vec<Volume>, StoreError> {
    let query = sql("volume_list_of", select!("WHERE v.owner = $1 ORDER BY v.name")).bind(owner);
    query.all(on).await?.iter().map(volume).collect()
}

pub async fn volume_set_state(on: impl Into<On<'_>>, id: VolumeId, state: VolumeState) -> Result<(), StoreError> {
    let update = "UPDATE volumes SET state = $1 WHERE id = $2";
    sql("volume_set_state", update).bind(state.word()).bind(id).run(on).await?;
    Ok(())
}

/// What it becomes larger by was asked for; what it becomes smaller by, which only undoes that, is given back. The last of
/// its transaction.
pub async fn volume_resize(tx: &mut Tx, volume: &Volume, to: DiskSize) -> Result<(), StoreError> {
    let update = "UPDATE volumes SET size_mib = $1 WHERE id = $2 AND size_mib = $3";
    let query = sql("volume_resize", update).bind(to.mib()).bind(volume.id).bind(volume.size.mib());
    if query.run(&mut *tx).await? == 0 {
        return Ok(());
    }
    let more = i64::from(to.mib()) - i64::from(volume.size.mib());
    if more < 0 {
        disk_give_back(&mut *tx, volume.owner, more.unsigned_abs()).await?;
    }
    host_promise_disk(tx, volume.host, more).await
}

/// All of an account's become another one's, who was asked for the disk that they are.
pub async fn volume_give_all(tx: &mut Tx, from: AccountId, to: AccountId) -> Result<(), StoreError> {
    let mib = volume_list_of(&mut *tx, from).await?.iter().map(|volume| u64::from(volume.size.mib())).sum();
    let give = "UPDATE volumes SET owner = $1 WHERE owner = $2";
    sql("volume_give_all", give).bind(to).bind(from).run(&mut *tx).await?;
    disk_give_back(tx, from, mib).await
}

/// Whether there was such a volume; it counts no more. Fails where a guest has it. The last of its transaction.
pub async fn volume_delete(tx: &mut Tx, id: VolumeId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM volumes WHERE id = $1 RETURNING host, owner, size_mib";
    let Some(row) = sql("volume_delete", delete).bind(id).run_one(&mut *tx).await? else { return Ok(false) };
    let mib = size(&row)?.mib();
    disk_give_back(&mut *tx, row.parse("owner")?, mib.into()).await?;
    host_promise_disk(tx, row.parse("host")?, -i64::from(mib)).await?;
    Ok(true)
}

/// Fails with [`StoreError::Duplicate`] where the guest has it, or something at that place, or somebody writes to it who
/// would have to be alone.
pub async fn attachment_insert(tx: &mut Tx, attached: &Attached, now: i64) -> Result<(), StoreError> {
    let insert =
        "INSERT INTO volume_attachments (volume, guest, slot, access, attached_at) VALUES ($1, $2, $3, $4, $5)";
    let query = sql("attachment_insert", insert).bind(attached.volume).bind(attached.guest);
    query.bind(attached.slot.to_string()).bind(attached.access.word()).bind(now).run(tx).await?;
    Ok(())
}

/// Whether it was there.
pub async fn attachment_delete(on: impl Into<On<'_>>, volume: VolumeId, guest: GuestId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM volume_attachments WHERE volume = $1 AND guest = $2";
    Ok(sql("attachment_delete", delete).bind(volume).bind(guest).run(on).await? == 1)
}

/// All, by volume and by guest's name.
pub async fn attachment_list(on: impl Into<On<'_>>) -> Result<Vec<Attached>, StoreError> {
    let query = sql("attachment_list", select_attached!("ORDER BY t.volume, g.name, g.id"));
    query.all(on).await?.iter().map(attached).collect()
}

/// Those of a volume.
pub async fn attachment_list_of(on: impl Into<On<'_>>, volume: VolumeId) -> Result<Vec<Attached>, StoreError> {
    let query = sql("attachment_list_of", select_attached!("WHERE t.volume = $1 ORDER BY g.name, g.id")).bind(volume);
    query.all(on).await?.iter().map(attached).collect()
}

/// What a guest has, in the order of its devices.
pub async fn attachment_list_by(on: impl Into<On<'_>>, guest: GuestId) -> Result<Vec<Attached>, StoreError> {
    let query = sql("attachment_list_by", select_attached!("WHERE t.guest = $1 ORDER BY t.slot")).bind(guest);
    query.all(on).await?.iter().map(attached).collect()
}
