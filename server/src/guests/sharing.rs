//! Single rights on a guest for somebody else. They hold at once, and end at once when they are taken
//! away: whoever holds a page or a console open is told by [`Topic::Rights`].

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{ShareDraft, ShareShown, Topic};
use umbel_guest::{AccountId, AccountName, FieldErrors, GuestId, GuestRight, Shares};

use super::Guests;
use crate::store::accounts::{account_fetch_by_name, account_rights_changed};
use crate::store::guests::guest_fetch;
use crate::store::shares::{Share, share_delete, share_fetch, share_list, share_put};

/// Accounts that one guest may be shared with.
const MOST: usize = 64;

impl Guests {
    pub async fn share_list(&self, caller: &Caller, guest: GuestId) -> Result<Vec<ShareShown>, AppError> {
        let guest = self.allowed(caller, guest, GuestRight::Share).await?;
        Ok(share_list(&self.parts.db, guest.id).await?.into_iter().map(shown).collect())
    }

    /// Gives exactly these rights, whatever they had before.
    pub async fn share_put(&self, caller: &Caller, guest: GuestId, draft: ShareDraft) -> Result<ShareShown, AppError> {
        self.allowed(caller, guest, GuestRight::Share).await?;
        let mut wrong = FieldErrors::default();
        let name = wrong.take(draft.name.trim().to_ascii_lowercase().parse::<AccountName>());
        let rights = wrong.take(Shares::of(draft.rights));
        let (Some(name), Some(rights)) = (name, rights) else { return Err(AppError::Invalid(wrong)) };
        let invalid = |message: String| AppError::Invalid(FieldErrors::one("name", message));

        let mut tx = self.parts.db.begin().await?;
        let owner = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?.owner;
        let found = account_fetch_by_name(&mut tx, &name).await?.filter(|found| !found.waits());
        let account = found.ok_or_else(|| invalid(format!("There is no account {name}.")))?;
        if account.id == owner {
            return Err(invalid(format!("The guest is {name}'s already.")));
        }
        let there = share_list(&mut tx, guest).await?;
        if there.len() >= MOST && there.iter().all(|share| share.account != account.id) {
            return Err(invalid(format!("It is shared with {MOST} accounts already.")));
        }
        share_put(&mut tx, guest, account.id, rights, self.parts.clock.now()).await?;
        account_rights_changed(&mut tx, account.id).await?;
        let there = share_list(&mut tx, guest).await?;
        tx.commit().await?;
        tracing::info!(%guest, with = name.as_str(), %rights, by = caller.account.name, "a guest was shared");
        self.told(guest, account.id);
        let share = there.into_iter().find(|share| share.account == account.id);
        share.map(shown).ok_or_else(|| AppError::not_found("share"))
    }

    /// Whoever it is shared with may also give their own rights back.
    pub async fn share_remove(&self, caller: &Caller, guest: GuestId, account: AccountId) -> Result<(), AppError> {
        let right = if account == caller.account.id { GuestRight::View } else { GuestRight::Share };
        self.allowed(caller, guest, right).await?;
        let mut tx = self.parts.db.begin().await?;
        if share_fetch(&mut tx, guest, account).await?.is_none() {
            return Err(AppError::not_found("share"));
        }
        share_delete(&mut tx, guest, account).await?;
        account_rights_changed(&mut tx, account).await?;
        tx.commit().await?;
        tracing::info!(%guest, %account, by = caller.account.name, "a guest is shared no more");
        self.told(guest, account);
        Ok(())
    }

    fn told(&self, guest: GuestId, account: AccountId) {
        self.parts.events.publish(Topic::Rights(account));
        self.parts.guest_changed(guest);
    }
}

fn shown(share: Share) -> ShareShown {
    ShareShown { account: share.account, name: share.account_name, rights: share.rights, created_at: share.created_at }
}
