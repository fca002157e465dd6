//! What was used, summed up by account and day.

use std::collections::HashMap;

use umbel_guest::usage::Used;
use umbel_guest::{AccountId, GuestId};
use umbel_wire::agent::Moved;

use super::StoreError;
use super::db::{On, Tx};
use super::query::{Row, sql};
use super::quotas::int;

/// Sums of an aggregate are of another type in PostgreSQL.
macro_rules! sums {
    () => {
        "CAST(SUM(guest_s) AS BIGINT) AS guest_s, CAST(SUM(memory_mib_s) AS BIGINT) AS memory_mib_s, \
         CAST(SUM(disk_mib_s) AS BIGINT) AS disk_mib_s, CAST(SUM(received) AS BIGINT) AS received, \
         CAST(SUM(sent) AS BIGINT) AS sent"
    };
}

fn used(row: &Row) -> Result<Used, StoreError> {
    Ok(Used {
        guest_s: row.number("guest_s")?,
        memory_mib_s: row.number("memory_mib_s")?,
        disk_mib_s: row.number("disk_mib_s")?,
        received: row.number("received")?,
        sent: row.number("sent")?,
    })
}

pub async fn usage_add(tx: &mut Tx, account: AccountId, day: i64, used: Used) -> Result<(), StoreError> {
    let add = "INSERT INTO usage_days (account, day, guest_s, memory_mib_s, disk_mib_s, received, sent) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (account, day) DO UPDATE SET guest_s = usage_days.guest_s + $3, \
               memory_mib_s = usage_days.memory_mib_s + $4, disk_mib_s = usage_days.disk_mib_s + $5, \
               received = usage_days.received + $6, sent = usage_days.sent + $7";
    let query = sql("usage_add", add).bind(account).bind(day);
    let query = query.bind(int(used.guest_s)).bind(int(used.memory_mib_s)).bind(int(used.disk_mib_s));
    query.bind(int(used.received)).bind(int(used.sent)).run(tx).await?;
    Ok(())
}

/// What of each guest's traffic is counted.
pub async fn traffic_list(on: impl Into<On<'_>>) -> Result<HashMap<GuestId, Moved>, StoreError> {
    let rows = sql("traffic_list", "SELECT guest, received, sent FROM traffic_counted").all(on).await?;
    let moved = |row: &Row| Ok(Moved { received: row.number("received")?, sent: row.number("sent")? });
    rows.iter().map(|row| Ok((row.parse("guest")?, moved(row)?))).collect()
}

pub async fn traffic_put(tx: &mut Tx, guest: GuestId, moved: Moved) -> Result<(), StoreError> {
    let put = "INSERT INTO traffic_counted (guest, received, sent) VALUES ($1, $2, $3) \
               ON CONFLICT (guest) DO UPDATE SET received = $2, sent = $3";
    sql("traffic_put", put).bind(guest).bind(int(moved.received)).bind(int(moved.sent)).run(tx).await?;
    Ok(())
}

/// Days from `from` on with anything in them, the first one first, of everybody together.
pub async fn usage_list(on: impl Into<On<'_>>, from: i64) -> Result<Vec<(i64, Used)>, StoreError> {
    let list = concat!("SELECT day, ", sums!(), " FROM usage_days WHERE day >= $1 GROUP BY day ORDER BY day");
    let rows = sql("usage_list", list).bind(from).all(on).await?;
    rows.iter().map(|row| Ok((row.get("day")?, used(row)?))).collect()
}

pub async fn usage_list_of(
    on: impl Into<On<'_>>,
    account: AccountId,
    from: i64,
) -> Result<Vec<(i64, Used)>, StoreError> {
    let list = "SELECT day, guest_s, memory_mib_s, disk_mib_s, received, sent FROM usage_days \
                WHERE account = $1 AND day >= $2 ORDER BY day";
    let rows = sql("usage_list_of", list).bind(account).bind(from).all(on).await?;
    rows.iter().map(|row| Ok((row.get("day")?, used(row)?))).collect()
}

/// Accounts that have used anything from then on, by name, with their names.
pub async fn usage_list_accounts(
    on: impl Into<On<'_>>,
    from: i64,
) -> Result<Vec<(AccountId, String, Used)>, StoreError> {
    let list = concat!(
        "SELECT account, name, ",
        sums!(),
        " FROM usage_days JOIN accounts ON accounts.id = account WHERE day >= $1 GROUP BY account, name ORDER BY name"
    );
    let rows = sql("usage_list_accounts", list).bind(from).all(on).await?;
    rows.iter().map(|row| Ok((row.parse("account")?, row.get("name")?, used(row)?))).collect()
}

/// Days before that one are forgotten.
pub async fn usage_delete_before(tx: &mut Tx, day: i64) -> Result<u64, StoreError> {
    sql("usage_delete_before", "DELETE FROM usage_days WHERE day < $1").bind(day).run(tx).await
}
