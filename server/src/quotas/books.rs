//! Whether reservations are what exists, and totals their sums.

use std::collections::{BTreeSet, HashMap};

use umbel_guest::AccountId;
use umbel_guest::quota::Kind;

use crate::store::guests::guest_list;
use crate::store::quotas::{Books, quota_books, quota_write_anew};
use crate::store::{Db, StoreError};

/// Everything that does not fit, in words; nothing where all is well. Reads as of one moment.
pub async fn wrong(db: &Db) -> Result<Vec<String>, StoreError> {
    let mut tx = db.begin().await?;
    let guests = guest_list(&mut tx).await?;
    let books = quota_books(&mut tx, &guests).await?;
    // Others wait for its end, which a drop puts off.
    tx.commit().await?;
    Ok(compare(&books))
}

pub(super) async fn write_anew(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let guests = guest_list(&mut tx).await?;
    let books = quota_books(&mut tx, &guests).await?;
    quota_write_anew(&mut tx, &books).await?;
    tx.commit().await
}

fn compare(books: &Books) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    for key in books.due.keys().chain(books.reserved.keys()) {
        let (due, reserved) = (books.due.get(key), books.reserved.get(key));
        if due != reserved {
            let amount = |held: Option<&(AccountId, u64)>| held.map_or(0, |(_, amount)| *amount);
            let (guest, kind) = key;
            wrong.insert(format!("{kind} of guest {guest}: {} reserved, {} held", amount(reserved), amount(due)));
        }
    }
    let mut sums: HashMap<(AccountId, Kind), u64> = HashMap::new();
    for ((_, kind), (account, amount)) in &books.reserved {
        *sums.entry((*account, *kind)).or_default() += amount;
    }
    for (owner, mib) in &books.volumes {
        *sums.entry((*owner, Kind::Disk)).or_default() += mib;
    }
    for key in sums.keys().chain(books.totals.keys()) {
        let of = |map: &HashMap<_, u64>| map.get(key).copied().unwrap_or_default();
        let (sum, total) = (of(&sums), of(&books.totals));
        if sum != total {
            let (account, kind) = key;
            wrong.insert(format!("{kind} of account {account}: {total} counted, {sum} reserved"));
        }
    }
    for (host, (counted, held)) in &books.hosts {
        if counted != held {
            wrong.insert(format!("disk of host {host}: {counted} counted, {held} held"));
        }
    }
    wrong.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use umbel_guest::GuestId;
    use uuid::Uuid;

    use super::*;
    use crate::store::meta::HostId;

    #[test]
    fn what_is_missing_too_much_or_miscounted_is_named() {
        let (guest, account) = (GuestId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
        let mut books = Books::default();
        assert_eq!(compare(&books), Vec::<String>::new());
        books.due.insert((guest, Kind::Memory), (account, 64));
        books.reserved.insert((guest, Kind::Disk), (account, 256));
        books.totals.insert((account, Kind::Ports), 1);
        books.hosts.insert(HostId(Uuid::from_u128(3)), (256, 128));
        let wrong = compare(&books);
        let ends = [
            "0 reserved, 64 held",
            "256 reserved, 0 held",
            "0 counted, 256 reserved",
            "1 counted, 0 reserved",
            "256 counted, 128 held",
        ];
        assert_eq!(wrong.len(), ends.len(), "{wrong:?}");
        for end in ends {
            assert!(wrong.iter().any(|line| line.ends_with(end)), "{end} in {wrong:?}");
        }
    }
}
