//! How an account comes to stand otherwise: suspended, active again, with an end, deleted. Whoever has come in
//! with it leaves at once, or within a second where another panel did it. What becomes of its guests is
//! [`crate::guests`]' to bring about; until that is done the account's row says so.

use time::Date;
use time::macros::format_description;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountState, GuestsThen, Topic};
use umbel_guest::{AccountId, FieldErrors, GuestId, PanelRight};

use super::people::{conflict, is_decided, one_stays};
use super::{Accounts, shown};
use crate::clock::DAY;
use crate::etag::Tagged as _;
use crate::store::accounts::{
    Account, Standing, account_delete, account_fetch, account_rights_changed, account_set_expiry, account_set_standing,
};
use crate::store::groups::reached_list_by;
use crate::store::sessions::session_delete_all;
use crate::store::shares::share_list_with;
use crate::store::tokens::token_delete_all;
use crate::store::{StoreError, Tx};

impl Accounts {
    /// Everything stays but its sign-ins; its tokens let nobody in as long as it lasts. May be repeated.
    pub async fn people_suspend(
        &self,
        caller: &Caller,
        account: AccountId,
        guests: GuestsThen,
    ) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        if account == caller.account.id {
            return Err(conflict("You can't suspend your own account. Another administrator can."));
        }
        let standing = match guests {
            GuestsThen::GoOn => Standing::Suspended,
            GuestsThen::ShutDown => Standing::Stopping,
        };
        let mut tx = self.db.begin().await?;
        let found = decided(&mut tx, account).await?;
        one_stays(&mut tx, &found).await?;
        account_set_standing(&mut tx, account, standing).await?;
        let ended = session_delete_all(&mut tx, account, None).await?;
        tx.commit().await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(name = found.name.as_str(), by = caller.account.name, "an account was suspended");
        self.people_changed();
        Ok(())
    }

    pub async fn people_reinstate(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let mut tx = self.db.begin().await?;
        let found = decided(&mut tx, account).await?;
        if found.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(conflict("Its last day is over. Give it a later one, or none."));
        }
        account_set_standing(&mut tx, account, Standing::Active).await?;
        tx.commit().await?;
        tracing::info!(name = found.name.as_str(), by = caller.account.name, "an account was reinstated");
        self.people_changed();
        Ok(())
    }

    /// The last day on which it lets anybody in; none where the text is empty. What is open ends when that day
    /// does, and its guests are shut down then. More time makes an account that has ended an active one.
    pub async fn people_set_expiry(&self, caller: &Caller, account: AccountId, day: &str) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        if account == caller.account.id {
            return Err(conflict("You can't give your own account an end. Another administrator can."));
        }
        let end = end_of(day, self.clock.now()).map_err(|why| AppError::Invalid(FieldErrors::one("expires", why)))?;
        let mut tx = self.db.begin().await?;
        let found = decided(&mut tx, account).await?;
        caller.expected(&shown(found.clone(), self.clock.now()).etag())?;
        if end.is_some() {
            one_stays(&mut tx, &found).await?;
        }
        account_set_expiry(&mut tx, account, end).await?;
        if found.standing == Standing::Ended {
            account_set_standing(&mut tx, account, Standing::Active).await?;
        }
        tx.commit().await?;
        tracing::info!(name = found.name.as_str(), day, by = caller.account.name, "an account was given an end");
        self.people_changed();
        Ok(())
    }

    /// Nobody comes in with it any more, and it goes once its guests are gone.
    pub async fn people_leave(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        let mut tx = self.db.begin().await?;
        deletable(caller, &mut tx, account).await?;
        account_set_standing(&mut tx, account, Standing::Leaving).await?;
        let mut ended = session_delete_all(&mut tx, account, None).await?;
        ended.extend(token_delete_all(&mut tx, account).await?);
        tx.commit().await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(%account, by = caller.account.name, "an account leaves");
        self.people_changed();
        Ok(())
    }

    /// Its guests are off, as they had to be: it stays suspended, or ended, and they are nobody's to stop any more.
    pub async fn people_settle(&self, account: AccountId) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        // It may have been decided otherwise meanwhile.
        let Some(found) = account_fetch(&mut tx, account).await? else { return Ok(()) };
        let standing = match found.standing {
            Standing::Stopping => Standing::Suspended,
            Standing::Active if found.state(self.clock.now()) == AccountState::Expired => Standing::Ended,
            Standing::Waiting | Standing::Active | Standing::Suspended | Standing::Ended | Standing::Leaving => {
                return Ok(());
            }
        };
        account_set_standing(&mut tx, account, standing).await?;
        let ended = session_delete_all(&mut tx, account, None).await?;
        tx.commit().await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(name = found.name.as_str(), ?standing, "the guests of an account are off");
        self.people_changed();
        Ok(())
    }

    /// Everything of an account that has no guest, within a transaction of the caller's; what it tells is for
    /// [`people_gone`](Self::people_gone), once that is committed.
    pub async fn people_forget(tx: &mut Tx, account: AccountId) -> Result<Gone, StoreError> {
        let managers = reached_list_by(&mut *tx, account).await?;
        for manager in &managers {
            account_rights_changed(&mut *tx, *manager).await?;
        }
        let shared = share_list_with(&mut *tx, account).await?.into_iter().map(|(guest, _)| guest).collect();
        let mut ended = session_delete_all(&mut *tx, account, None).await?;
        ended.extend(token_delete_all(&mut *tx, account).await?);
        account_delete(tx, account).await?;
        Ok(Gone { ended, managers, shared })
    }

    pub fn people_gone(&self, gone: Gone) {
        self.live.end(gone.ended.iter().map(String::as_str));
        for manager in gone.managers {
            self.events.publish(Topic::Rights(manager));
        }
        for guest in gone.shared {
            self.events.guest(guest);
        }
        self.people_changed();
    }
}

/// Whom the end of an account concerns.
#[derive(Debug)]
pub struct Gone {
    ended: Vec<String>,
    managers: Vec<AccountId>,
    /// What others had shared with it.
    shared: Vec<GuestId>,
}

/// The account, if the caller may delete it.
pub(crate) async fn deletable(caller: &Caller, tx: &mut Tx, account: AccountId) -> Result<Account, AppError> {
    caller.may(PanelRight::ManagePeople)?;
    if account == caller.account.id {
        return Err(conflict("You can't delete your own account. Another administrator can."));
    }
    let found = staying(&mut *tx, account).await?;
    one_stays(tx, &found).await?;
    Ok(found)
}

async fn staying(tx: &mut Tx, account: AccountId) -> Result<Account, AppError> {
    let found = account_fetch(tx, account).await?.ok_or_else(|| AppError::not_found("account"))?;
    if found.standing == Standing::Leaving {
        return Err(conflict(&format!("{} is being deleted.", found.name)));
    }
    Ok(found)
}

/// The same of one that doesn't wait.
async fn decided(tx: &mut Tx, account: AccountId) -> Result<Account, AppError> {
    let found = staying(tx, account).await?;
    is_decided(&found)?;
    Ok(found)
}

/// The moment after the last of a day, UTC.
fn end_of(day: &str, now: i64) -> Result<Option<i64>, String> {
    let day = day.trim();
    if day.is_empty() {
        return Ok(None);
    }
    let wrong = |_| "A day is a year, a month and a day, as 2027-07-31.".to_owned();
    let date = Date::parse(day, format_description!("[year]-[month]-[day]")).map_err(wrong)?;
    let begin = i64::try_from(date.midnight().assume_utc().unix_timestamp_nanos() / 1000);
    let end = begin.ok().and_then(|begin| begin.checked_add(DAY)).unwrap_or(i64::MAX);
    if end <= now {
        return Err("That day is over. Suspend the account to end it now.".into());
    }
    Ok(Some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_ends_with_its_last_day() {
        assert_eq!(end_of("", 0), Ok(None));
        assert_eq!(end_of(" 1970-01-01 ", DAY - 1), Ok(Some(DAY)));
        assert!(end_of("1970-01-01", DAY).is_err(), "it is over");
        assert_eq!(end_of("9999-12-31", 0).map(|end| end.is_some()), Ok(true));
        for text in ["tomorrow", "2027-13-01", "2027-7-31", "31.7.2027"] {
            assert!(end_of(text, 0).is_err(), "{text}");
        }
    }
}
