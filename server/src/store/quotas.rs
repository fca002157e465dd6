//! Quotas: limits by role and by account, what each guest holds, and the sums that limits are met at.
//!
//! What a guest holds is [`umbel_guest::quota::held`] of its row, always: [`reservation_follow`] sees to it
//! in every transaction that writes a guest, ends an operation, leads a port or keeps a snapshot, and never refuses.
//! Whoever wants more asks first, by [`reservation_ask`] in the same transaction.

use std::collections::HashMap;

use umbel_guest::quota::{Amounts, Kind, Limit, Said, Standing, held, runs};
use umbel_guest::{AccountId, GuestId};

use super::StoreError;
use super::db::{Db, On, Tx};
use super::guests::Guest;
use super::meta::HostId;
use super::operations::{operation_guests_asked_to_run, operation_under_way};
use super::query::{Row, sql};

fn kind(row: &Row) -> Result<Kind, StoreError> {
    row.parse("kind")
}

/// Amounts are at most [`umbel_guest::quota::MOST`].
pub(super) fn int(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// What a guest holds by its row and by what is under way for it.
async fn due(tx: &mut Tx, guest: &Guest) -> Result<Amounts, StoreError> {
    // Asked only where it makes a difference.
    let alone = runs(&guest.wanted, &guest.seen, false);
    let runs = alone || operation_under_way(tx, guest.id).await?.is_some_and(|(_, kind, _)| kind.asks_to_run());
    Ok(held(&guest.spec, runs))
}

async fn reserved(on: impl Into<On<'_>>, guest: GuestId) -> Result<Amounts, StoreError> {
    let query = sql("reservation_list", "SELECT kind, amount FROM reservations WHERE guest = $1").bind(guest);
    let mut amounts = Amounts::default();
    for row in query.all(on).await? {
        amounts = amounts.with(kind(&row)?, row.number("amount")?);
    }
    Ok(amounts)
}

/// Writes down what a guest holds of a kind; the total is another row's.
async fn write(tx: &mut Tx, guest: GuestId, account: AccountId, kind: Kind, amount: u64) -> Result<(), StoreError> {
    if amount == 0 {
        let delete = "DELETE FROM reservations WHERE guest = $1 AND kind = $2";
        sql("reservation_write", delete).bind(guest).bind(kind.word()).run(tx).await?;
        return Ok(());
    }
    let put = "INSERT INTO reservations (guest, kind, account, amount) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (guest, kind) DO UPDATE SET amount = $4";
    sql("reservation_write", put).bind(guest).bind(kind.word()).bind(account).bind(int(amount)).run(tx).await?;
    Ok(())
}

/// Adds to a total unless that is more than `most`, and tells whether it did.
async fn add(tx: &mut Tx, account: AccountId, kind: Kind, amount: i64, most: i64) -> Result<bool, StoreError> {
    let add = "UPDATE quota_totals SET used = used + $1 WHERE account = $2 AND kind = $3 AND used + $1 <= $4";
    let add = || sql("quota_add", add).bind(amount).bind(account).bind(kind.word()).bind(most);
    if add().run(&mut *tx).await? == 1 {
        return Ok(true);
    }
    let first =
        "INSERT INTO quota_totals (account, kind, used) VALUES ($1, $2, 0) ON CONFLICT (account, kind) DO NOTHING";
    let made = sql("quota_add", first).bind(account).bind(kind.word()).run(&mut *tx).await? == 1;
    Ok(made && add().run(tx).await? == 1)
}

async fn bring(
    tx: &mut Tx,
    guest: GuestId,
    account: AccountId,
    kind: Kind,
    from: u64,
    to: u64,
) -> Result<(), StoreError> {
    if from != to {
        add(tx, account, kind, int(to) - int(from), i64::MAX).await?;
        write(tx, guest, account, kind, to).await?;
    }
    Ok(())
}

/// What a guest holds becomes what its row says. Only tells what is so, therefore never refused.
pub(super) async fn reservation_follow(tx: &mut Tx, guest: &Guest) -> Result<(), StoreError> {
    let (due, has) = (due(tx, guest).await?, reserved(&mut *tx, guest.id).await?);
    for kind in Kind::of_guests() {
        bring(tx, guest.id, guest.owner, kind, has.of(kind), due.of(kind)).await?;
    }
    Ok(())
}

/// The same of what are rows of their own: ports that lead to it, snapshots of it.
pub(super) async fn reservation_follow_rows(tx: &mut Tx, guest: GuestId) -> Result<(), StoreError> {
    let count = "SELECT g.owner AS owner, (SELECT COUNT(*) FROM forwards f WHERE f.guest = g.id) AS ports, \
                 (SELECT COUNT(*) FROM snapshots s WHERE s.guest = g.id AND s.kind = 'taken') AS snapshots \
                 FROM guests g WHERE g.id = $1";
    let Some(row) = sql("reservation_follow_rows", count).bind(guest).one(&mut *tx).await? else { return Ok(()) };
    let has = reserved(&mut *tx, guest).await?;
    for kind in Kind::OF_ROWS {
        bring(tx, guest, row.parse("owner")?, kind, has.of(kind), row.number(kind.word())?).await?;
    }
    Ok(())
}

/// A guest goes, and everything that it held, which is told.
pub(super) async fn reservation_release(tx: &mut Tx, guest: GuestId) -> Result<Amounts, StoreError> {
    let select = "SELECT kind, account, amount FROM reservations WHERE guest = $1";
    let mut released = Amounts::default();
    for row in sql("reservation_release", select).bind(guest).all(&mut *tx).await? {
        let (kind, amount) = (kind(&row)?, row.number("amount")?);
        bring(tx, guest, row.parse("account")?, kind, amount, 0).await?;
        released = released.with(kind, amount);
    }
    Ok(released)
}

/// Sizes of all disks on a host change by so many MiB. The last row of a transaction that many meet at, so that
/// none holds it while it waits for another.
pub(super) async fn host_promise_disk(tx: &mut Tx, host: HostId, mib: i64) -> Result<(), StoreError> {
    if mib != 0 {
        let promise = "UPDATE hosts SET disk_mib = disk_mib + $1 WHERE id = $2";
        sql("host_promise_disk", promise).bind(mib).bind(host.to_string()).run(tx).await?;
    }
    Ok(())
}

/// Sizes of all disks on a host, in MiB, whatever of them is written.
pub async fn host_promised_disk(on: impl Into<On<'_>>, host: HostId) -> Result<u64, StoreError> {
    let query = sql("host_promised_disk", "SELECT disk_mib FROM hosts WHERE id = $1").bind(host.to_string());
    query.one(on).await?.map_or(Ok(0), |row| row.number("disk_mib"))
}

/// A total that can't grow so far; nothing of the transaction may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    pub kind: Kind,
    pub asked: u64,
}

/// Reserves what the guest will hold once this transaction has written it, as far as the limits allow.
pub async fn reservation_ask(
    tx: &mut Tx,
    guest: &Guest,
    limit: impl Fn(Kind) -> Limit,
) -> Result<Vec<Short>, StoreError> {
    let (due, has) = (due(tx, guest).await?, reserved(&mut *tx, guest.id).await?);
    let mut short = Vec::new();
    for kind in Kind::of_guests() {
        let (from, to) = (has.of(kind), due.of(kind));
        // What shrinks does so when the row is written.
        if to > from && !grow(tx, guest, kind, from, to, limit(kind)).await? {
            short.push(Short { kind, asked: to - from });
        }
    }
    Ok(short)
}

/// One more of what are rows of their own.
pub async fn reservation_ask_row(
    tx: &mut Tx,
    guest: &Guest,
    kind: Kind,
    limit: Limit,
) -> Result<Option<Short>, StoreError> {
    let has = reserved(&mut *tx, guest.id).await?.of(kind);
    let grown = grow(tx, guest, kind, has, has + 1, limit).await?;
    Ok((!grown).then_some(Short { kind, asked: 1 }))
}

async fn grow(tx: &mut Tx, guest: &Guest, kind: Kind, from: u64, to: u64, limit: Limit) -> Result<bool, StoreError> {
    let grown = add(tx, guest.owner, kind, int(to - from), limit.most.map_or(i64::MAX, int)).await?;
    if grown {
        write(tx, guest.id, guest.owner, kind, to).await?;
    }
    Ok(grown)
}

/// So much more disk of an owner's that is no guest's: of a volume.
pub async fn disk_ask(tx: &mut Tx, owner: AccountId, mib: u64, limit: Limit) -> Result<Option<Short>, StoreError> {
    let added = add(tx, owner, Kind::Disk, int(mib), limit.most.map_or(i64::MAX, int)).await?;
    Ok((!added).then_some(Short { kind: Kind::Disk, asked: mib }))
}

/// Less of it.
pub(super) async fn disk_give_back(tx: &mut Tx, owner: AccountId, mib: u64) -> Result<(), StoreError> {
    add(tx, owner, Kind::Disk, -int(mib), i64::MAX).await?;
    Ok(())
}

/// Limits and use of an account or a group, in the order of [`Kind::ALL`].
pub async fn quota_of(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<Standing>, StoreError> {
    let select = "SELECT q.kind AS kind, 'account' AS rule, q.most AS number FROM quota_accounts q WHERE q.account = $1 \
                  UNION ALL SELECT r.kind, CASE r.role WHEN 'group' THEN 'groups' ELSE 'role' END, r.most FROM quota_roles r JOIN accounts a ON a.role = r.role WHERE a.id = $1 \
                  UNION ALL SELECT t.kind, 'used', t.used FROM quota_totals t WHERE t.account = $1";
    let (mut own, mut role, mut groups, mut used) =
        (HashMap::new(), HashMap::new(), HashMap::new(), Amounts::default());
    for row in sql("quota_of", select).bind(account).all(on).await? {
        let (kind, rule, number) = (kind(&row)?, row.get::<String>("rule")?, row.get::<Option<i64>>("number")?);
        let number = number.map(u64::try_from).transpose().map_err(|e| row.unreadable("number", e))?;
        let said = number.map_or(Said::NoLimit, Said::AtMost);
        match rule.as_str() {
            "account" => drop(own.insert(kind, said)),
            "role" => drop(role.insert(kind, said)),
            "groups" => drop(groups.insert(kind, said)),
            _ => used = used.with(kind, number.unwrap_or_default()),
        }
    }
    let standing = |kind| {
        let own = own.get(&kind).copied();
        let limit = match groups.get(&kind) {
            Some(said) => Limit::of_group(own, Some(*said)),
            None => Limit::of(own, role.get(&kind).copied()),
        };
        Standing { kind, used: used.of(kind), limit }
    };
    Ok(Kind::ALL.into_iter().map(standing).collect())
}

/// Among roles, what groups have that have no limit of their own.
pub const GROUPS: &str = "group";

/// Everybody's limits and use.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By a role's word.
    pub roles: HashMap<(String, Kind), u64>,
    own: HashMap<(AccountId, Kind), Said>,
    used: HashMap<(AccountId, Kind), u64>,
}

impl Ledger {
    /// By a role's word, or [`GROUPS`].
    pub fn standings(&self, owner: AccountId, role: &str) -> Vec<Standing> {
        let standing = |kind| {
            let own = self.own.get(&(owner, kind)).copied();
            let default = self.roles.get(&(role.to_owned(), kind)).map(|most| Said::AtMost(*most));
            let limit = if role == GROUPS { Limit::of_group(own, default) } else { Limit::of(own, default) };
            Standing { kind, used: self.used.get(&(owner, kind)).copied().unwrap_or_default(), limit }
        };
        Kind::ALL.into_iter().map(standing).collect()
    }
}

pub async fn quota_ledger(db: &Db) -> Result<Ledger, StoreError> {
    let mut ledger = Ledger::default();
    for row in sql("quota_ledger", "SELECT role, kind, most FROM quota_roles").all(db).await? {
        ledger.roles.insert((row.get("role")?, kind(&row)?), row.number("most")?);
    }
    for row in sql("quota_ledger", "SELECT account, kind, most FROM quota_accounts").all(db).await? {
        let most = row.get::<Option<i64>>("most")?.map(u64::try_from).transpose();
        let most = most.map_err(|e| row.unreadable("most", e))?;
        ledger.own.insert((row.parse("account")?, kind(&row)?), most.map_or(Said::NoLimit, Said::AtMost));
    }
    for row in sql("quota_ledger", "SELECT account, kind, used FROM quota_totals").all(db).await? {
        ledger.used.insert((row.parse("account")?, kind(&row)?), row.number("used")?);
    }
    Ok(ledger)
}

/// An account's own limit; `None` leaves it its role's.
pub async fn quota_set_own(
    on: impl Into<On<'_>>,
    account: AccountId,
    kind: Kind,
    said: Option<Said>,
) -> Result<(), StoreError> {
    let most = match said {
        None => {
            let delete = "DELETE FROM quota_accounts WHERE account = $1 AND kind = $2";
            sql("quota_set_own", delete).bind(account).bind(kind.word()).run(on).await?;
            return Ok(());
        }
        Some(Said::NoLimit) => None,
        Some(Said::AtMost(most)) => Some(int(most)),
    };
    let put = "INSERT INTO quota_accounts (account, kind, most) VALUES ($1, $2, $3) \
               ON CONFLICT (account, kind) DO UPDATE SET most = $3";
    sql("quota_set_own", put).bind(account).bind(kind.word()).bind(most).run(on).await?;
    Ok(())
}

/// What a role's accounts have that have no limit of their own; `None` is no limit.
pub async fn quota_set_role(
    on: impl Into<On<'_>>,
    role: &str,
    kind: Kind,
    most: Option<u64>,
) -> Result<(), StoreError> {
    let Some(most) = most else {
        let delete = "DELETE FROM quota_roles WHERE role = $1 AND kind = $2";
        sql("quota_set_role", delete).bind(role).bind(kind.word()).run(on).await?;
        return Ok(());
    };
    let put = "INSERT INTO quota_roles (role, kind, most) VALUES ($1, $2, $3) \
               ON CONFLICT (role, kind) DO UPDATE SET most = $3";
    sql("quota_set_role", put).bind(role).bind(kind.word()).bind(int(most)).run(on).await?;
    Ok(())
}

/// All that was ever written down about use, and what it should be, as of one moment.
#[derive(Debug, Default)]
pub struct Books {
    /// By guest and kind, with the account that is charged.
    pub reserved: HashMap<(GuestId, Kind), (AccountId, u64)>,
    /// What each guest's row, its operation, its ports and its snapshots say.
    pub due: HashMap<(GuestId, Kind), (AccountId, u64)>,
    pub totals: HashMap<(AccountId, Kind), u64>,
    /// Disk by host, as it is counted and as rows of guests and volumes say.
    pub hosts: HashMap<HostId, (u64, u64)>,
    /// Disk that is volumes', by owner.
    pub volumes: HashMap<AccountId, u64>,
}

/// `guests` as they are in this transaction.
pub async fn quota_books(tx: &mut Tx, guests: &[Guest]) -> Result<Books, StoreError> {
    let mut books = Books::default();
    let select = "SELECT guest, kind, account, amount FROM reservations";
    for row in sql("quota_books", select).all(&mut *tx).await? {
        let held = (row.parse("account")?, row.number("amount")?);
        books.reserved.insert((row.parse("guest")?, kind(&row)?), held);
    }
    for row in sql("quota_books", "SELECT account, kind, used FROM quota_totals").all(&mut *tx).await? {
        books.totals.insert((row.parse("account")?, kind(&row)?), row.number("used")?);
    }
    for row in sql("quota_books", "SELECT id, disk_mib FROM hosts").all(&mut *tx).await? {
        books.hosts.insert(row.parse("id")?, (row.number("disk_mib")?, 0));
    }
    for row in sql("quota_books", "SELECT host, owner, size_mib FROM volumes").all(&mut *tx).await? {
        let mib: u64 = row.number("size_mib")?;
        *books.volumes.entry(row.parse("owner")?).or_default() += mib;
        if let Some((_, disk)) = books.hosts.get_mut(&row.parse("host")?) {
            *disk += mib;
        }
    }
    let rows = "SELECT guest, 'ports' AS kind, COUNT(*) AS count FROM forwards GROUP BY guest \
                UNION ALL SELECT guest, 'snapshots', COUNT(*) FROM snapshots WHERE kind = 'taken' GROUP BY guest";
    let mut rows_of: HashMap<(GuestId, Kind), u64> = HashMap::new();
    for row in sql("quota_books", rows).all(&mut *tx).await? {
        rows_of.insert((row.parse("guest")?, kind(&row)?), row.number("count")?);
    }
    let coming = operation_guests_asked_to_run(tx).await?;
    for guest in guests {
        let runs = runs(&guest.wanted, &guest.seen, coming.contains(&guest.id));
        let due = Kind::OF_ROWS.into_iter().fold(held(&guest.spec, runs), |due, kind| {
            due.with(kind, rows_of.get(&(guest.id, kind)).copied().unwrap_or_default())
        });
        if let Some((_, disk)) = books.hosts.get_mut(&guest.host) {
            *disk += due.of(Kind::Disk);
        }
        let held = Kind::ALL.into_iter().map(|kind| (kind, due.of(kind))).filter(|(_, amount)| *amount > 0);
        books.due.extend(held.map(|(kind, amount)| ((guest.id, kind), (guest.owner, amount))));
    }
    Ok(books)
}

/// Writes everything anew out of what is there.
pub async fn quota_write_anew(tx: &mut Tx, books: &Books) -> Result<(), StoreError> {
    sql("quota_write_anew", "DELETE FROM reservations").run(&mut *tx).await?;
    sql("quota_write_anew", "DELETE FROM quota_totals").run(&mut *tx).await?;
    for ((guest, kind), (account, amount)) in &books.due {
        bring(tx, *guest, *account, *kind, 0, *amount).await?;
    }
    for (owner, mib) in &books.volumes {
        add(tx, *owner, Kind::Disk, int(*mib), i64::MAX).await?;
    }
    for (host, (counted, due)) in &books.hosts {
        host_promise_disk(tx, *host, int(*due) - int(*counted)).await?;
    }
    Ok(())
}
