//! Networks, one for each account or group on each host, and the ports of the host that lead to guests.

use umbel_guest::{AccountId, Attachment, Forward, GuestId, GuestName, HostNumber, NetworkId};
use uuid::Uuid;

use super::StoreError;
use super::db::{On, Tx};
use super::guests::host_number;
use super::meta::HostId;
use super::query::{Row, sql};
use super::quotas::reservation_follow_rows;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub id: NetworkId,
    pub owner: AccountId,
    pub owner_name: String,
    pub created_at: i64,
}

/// A port of the host that leads to a guest, with what is needed of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    pub host_port: u16,
    pub guest: GuestId,
    pub guest_port: u16,
    pub created_at: i64,
    pub guest_name: GuestName,
    pub owner: AccountId,
    pub attachment: Attachment,
    pub number: Option<HostNumber>,
}

impl Forwarded {
    /// As the host is told; `None` while the guest is plugged into no bridge.
    pub fn leads(&self) -> Option<Forward> {
        let to = self.number.filter(|_| self.attachment == Attachment::Bridge)?;
        Some(Forward { host_port: self.host_port, to, guest_port: self.guest_port })
    }
}

fn network(row: &Row) -> Result<Network, StoreError> {
    Ok(Network {
        id: row.parse("id")?,
        owner: row.parse("owner")?,
        owner_name: row.get("owner_name")?,
        created_at: row.get("created_at")?,
    })
}

fn forwarded(row: &Row) -> Result<Forwarded, StoreError> {
    let port = |column: &'static str| {
        let port: i64 = row.get(column)?;
        u16::try_from(port).map_err(|e| row.unreadable(column, e))
    };
    Ok(Forwarded {
        host_port: port("host_port")?,
        guest: row.parse("guest")?,
        guest_port: port("guest_port")?,
        created_at: row.get("created_at")?,
        guest_name: row.parse("guest_name")?,
        owner: row.parse("owner")?,
        attachment: row.parse("network")?,
        number: row.get::<Option<i64>>("number")?.map(|number| host_number(row, number)).transpose()?,
    })
}

macro_rules! select_network {
    ($rest:literal) => {
        concat!(
            "SELECT n.id AS id, n.owner AS owner, a.name AS owner_name, n.created_at AS created_at ",
            "FROM networks n JOIN accounts a ON a.id = n.owner ",
            $rest
        )
    };
}

macro_rules! select_forward {
    ($rest:literal) => {
        concat!(
            "SELECT f.host_port AS host_port, f.guest AS guest, f.guest_port AS guest_port, f.created_at AS created_at, ",
            "g.name AS guest_name, g.owner AS owner, g.network AS network, g.number AS number ",
            "FROM forwards f JOIN guests g ON g.id = f.guest ",
            $rest
        )
    };
}

/// The account's network on the host; made if it isn't there.
pub async fn network_ensure(tx: &mut Tx, host: HostId, owner: AccountId, now: i64) -> Result<NetworkId, StoreError> {
    let insert = "INSERT INTO networks (id, host, owner, created_at) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (host, owner) DO NOTHING";
    let query = sql("network_ensure", insert).bind(NetworkId(Uuid::now_v7())).bind(host.to_string()).bind(owner);
    query.bind(now).run(&mut *tx).await?;
    let found = network_fetch_of(tx, host, owner).await?;
    found.map(|network| network.id).ok_or_else(|| StoreError::of("network_ensure", sqlx::Error::RowNotFound))
}

pub async fn network_fetch_of(
    on: impl Into<On<'_>>,
    host: HostId,
    owner: AccountId,
) -> Result<Option<Network>, StoreError> {
    let query = sql("network_fetch_of", select_network!("WHERE n.host = $1 AND n.owner = $2"));
    query.bind(host.to_string()).bind(owner).one(on).await?.as_ref().map(network).transpose()
}

/// All of a host, by their owners' names.
pub async fn network_list(on: impl Into<On<'_>>, host: HostId) -> Result<Vec<Network>, StoreError> {
    let query = sql("network_list", select_network!("WHERE n.host = $1 ORDER BY a.name"));
    query.bind(host.to_string()).all(on).await?.iter().map(network).collect()
}

/// An account's own on a host, and those of groups that it is in, by their owners' names.
pub async fn network_list_seen_by(
    on: impl Into<On<'_>>,
    host: HostId,
    account: AccountId,
) -> Result<Vec<Network>, StoreError> {
    let select = select_network!(
        "WHERE n.host = $1 AND (n.owner = $2 OR n.owner IN (SELECT r.owner FROM reached_owners r WHERE r.account = $2 AND r.how <> 'managed')) ORDER BY a.name"
    );
    let query = sql("network_list_seen_by", select).bind(host.to_string()).bind(account);
    query.all(on).await?.iter().map(network).collect()
}

/// Deletes the account's network if no guest but this one is plugged in, and gives its id if it did.
pub async fn network_delete_unused(
    on: impl Into<On<'_>>,
    host: HostId,
    owner: AccountId,
    but: GuestId,
) -> Result<Option<NetworkId>, StoreError> {
    let delete = "DELETE FROM networks WHERE host = $1 AND owner = $2 AND NOT EXISTS (SELECT 1 FROM guests g \
                  WHERE g.host = $1 AND g.owner = $2 AND g.network <> 'none' AND g.id <> $3) RETURNING id";
    let query = sql("network_delete_unused", delete).bind(host.to_string()).bind(owner).bind(but);
    query.run_one(on).await?.map(|row| row.parse("id")).transpose()
}

/// Fails with [`StoreError::Duplicate`] where the port leads somewhere already. It is reserved with it,
/// whatever the quota.
pub async fn forward_insert(
    tx: &mut Tx,
    host: HostId,
    guest: GuestId,
    host_port: u16,
    guest_port: u16,
    now: i64,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO forwards (host, host_port, guest, guest_port, created_at) VALUES ($1, $2, $3, $4, $5)";
    let query = sql("forward_insert", insert).bind(host.to_string()).bind(u32::from(host_port)).bind(guest);
    query.bind(u32::from(guest_port)).bind(now).run(&mut *tx).await?;
    reservation_follow_rows(tx, guest).await
}

/// All of a host, by port.
pub async fn forward_list(on: impl Into<On<'_>>, host: HostId) -> Result<Vec<Forwarded>, StoreError> {
    let query = sql("forward_list", select_forward!("WHERE f.host = $1 ORDER BY f.host_port"));
    query.bind(host.to_string()).all(on).await?.iter().map(forwarded).collect()
}

/// Whether there was such a port; it counts no more.
pub async fn forward_delete(tx: &mut Tx, host: HostId, host_port: u16) -> Result<bool, StoreError> {
    let delete = "DELETE FROM forwards WHERE host = $1 AND host_port = $2 RETURNING guest";
    let query = sql("forward_delete", delete).bind(host.to_string()).bind(u32::from(host_port));
    let Some(row) = query.run_one(&mut *tx).await? else { return Ok(false) };
    reservation_follow_rows(tx, row.parse("guest")?).await?;
    Ok(true)
}
