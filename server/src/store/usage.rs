//! What was used, summed up by account and day.

use umbel_guest::AccountId;
use umbel_guest::usage::Used;

use super::StoreError;
use super::db::{On, Tx};
use super::query::{Row, sql};
use super::quotas::int;

/// Sums of an aggregate are of another type in PostgreSQL.
macro_rules! sums {
    () => {
        "CAST(SUM(guest_s) AS BIGINT) AS guest_s, CAST(SUM(memory_mib_s) AS BIGINT) AS memory_mib_s, \
         CAST(SUM(disk_mib_s) AS BIGINT) AS disk_mib_s"
    };
}

fn used(row: &Row) -> Result<Used, StoreError> {
    Ok(Used {
        guest_s: row.number("guest_s")?,
        memory_mib_s: row.number("memory_mib_s")?,
        disk_mib_s: row.number("disk_mib_s")?,
    })
}

pub async fn usage_add(tx: &mut Tx, account: AccountId, day: i64, used: Used) -> Result<(), StoreError> {
    let add = "INSERT INTO usage_days (account, day, guest_s, memory_mib_s, disk_mib_s) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (account, day) DO UPDATE SET guest_s = usage_days.guest_s + $3, \
               memory_mib_s = usage_days.memory_mib_s + $4, disk_mib_s = usage_days.disk_mib_s + $5";
    let query = sql("usage_add", add).bind(account).bind(day);
    query.bind(int(used.guest_s)).bind(int(used.memory_mib_s)).bind(int(used.disk_mib_s)).run(tx).await?;
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
    let list = "SELECT day, guest_s, memory_mib_s, disk_mib_s FROM usage_days WHERE account = $1 AND day >= $2 \
                ORDER BY day";
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
