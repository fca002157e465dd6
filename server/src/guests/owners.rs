//! Whose guests are: one that is given to somebody else; and all of an account at once, shut down, given away, or gone
//! with it, as its row says.

use std::time::Duration;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GuestsLeft, OperationKind, Topic};
use umbel_guest::{
    AccountId, AccountName, Attachment, FieldErrors, GroupName, GuestId, GuestRight, PanelRight, Seen, Wanted,
};

use super::{Guests, requester};
use crate::accounts::{Accounts, Gone, Owner, deletable};
use crate::error::chain;
use crate::networks::{place, tell};
use crate::operations::Requester;
use crate::quotas;
use crate::store::accounts::{
    Account, Standing, account_fetch, account_fetch_by_name, account_list_unsettled, account_rights_changed,
};
use crate::store::groups::{group_fetch_by_name, reached_list_by};
use crate::store::guests::{Guest, guest_fetch, guest_give, guest_list_of};
use crate::store::operations::operation_under_way;
use crate::store::shares::share_delete;
use crate::store::volumes::{Volume, volume_give_all, volume_list_of};
use crate::store::{StoreError, Tx};
use crate::volumes;

/// How often accounts whose guests have to stop or go are looked for.
const LOOK: Duration = Duration::from_secs(1);

impl Guests {
    /// Whose guests these are was suspended. What can't be shut down now is a moment later, by
    /// [`settle`](Self::settle).
    pub async fn shut_down_of(&self, caller: &Caller, owner: AccountId) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        self.stop_all(owner, |_| requester(caller)).await?;
        Ok(())
    }

    /// Whether all of them are off.
    async fn stop_all(&self, owner: AccountId, by: impl Fn(&Guest) -> Requester) -> Result<bool, StoreError> {
        let mut off = true;
        for guest in guest_list_of(&self.parts.db, owner).await? {
            let goes = matches!(guest.wanted, Wanted::Deleted { .. });
            let under_way = operation_under_way(&self.parts.db, guest.id).await?.map(|(_, kind, _)| kind);
            let brings_up = under_way.is_some_and(|kind| !stops(kind));
            if goes || !(guest.seen.is_alive() || guest.wanted == Wanted::Running || brings_up) {
                continue;
            }
            off = false;
            if under_way.is_some_and(stops) {
                continue;
            }
            // A frozen guest hears nothing.
            let frozen = matches!(guest.seen, Seen::Paused { .. });
            let kind = if frozen { OperationKind::GuestKill } else { OperationKind::GuestShutDown };
            if let Err(error) = self.operations.begin(kind, &guest, &by(&guest)).await {
                tracing::debug!(guest = %guest.id, %error, "a shutdown is put off");
            }
        }
        Ok(off)
    }

    /// It is somebody else's from now on: one's own again, a group's that one manages, or anybody's where an
    /// administrator gives it. Only while it is off.
    pub async fn owner_set(&self, caller: &Caller, guest: GuestId, to: &str) -> Result<(), AppError> {
        self.allowed(caller, guest, GuestRight::Share).await?;
        let mut tx = self.parts.db.begin().await?;
        let found = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        let heir = receiver(&mut tx, caller, to).await?;
        volumes::keep_it(&mut tx, &found).await?;
        if heir.id == found.owner {
            return Err(AppError::Invalid(FieldErrors::one("to", "That is whose it is already.")));
        }
        let mut concerned = reached_list_by(&mut tx, found.owner).await?;
        concerned.push(found.owner);
        for account in &concerned {
            account_rights_changed(&mut tx, *account).await?;
        }
        concerned.extend(self.give(&mut tx, std::slice::from_ref(&found), &heir).await?);
        tx.commit().await?;
        tracing::info!(guest = %guest, to = heir.name, by = caller.account.name, "a guest changed hands");
        for account in concerned {
            self.parts.events.publish(Topic::Rights(account));
        }
        if let Err(error) = tell::leave(&self.parts, found.owner, guest).await {
            // The host is told again when the agent comes.
            tracing::warn!(cause = chain(&error), "the host does not know yet that a guest has left its network");
        }
        self.taken_over(heir.id, &[found]).await;
        Ok(())
    }

    /// Deletes the account; what becomes of its guests was chosen. Where they go too, it goes after the last of
    /// them, whatever happens to the panel meanwhile.
    pub async fn owner_remove(
        &self,
        accounts: &Accounts,
        caller: &Caller,
        account: AccountId,
        guests: GuestsLeft,
    ) -> Result<(), AppError> {
        let to = match guests {
            GuestsLeft::Delete => return accounts.people_leave(caller, account).await,
            GuestsLeft::None => None,
            GuestsLeft::Give(name) => Some(name),
        };
        let mut tx = self.parts.db.begin().await?;
        let found = deletable(caller, &mut tx, account).await?;
        let there = guest_list_of(&mut tx, account).await?;
        let volumes_there = volume_list_of(&mut tx, account).await?;
        let heir = match to {
            Some(name) => Some(heir(&mut tx, caller, &name, &found).await?),
            None if there.is_empty() && volumes_there.is_empty() => None,
            None => return Err(still_owns(&found, there.len(), volumes_there.len())),
        };
        let mut concerned = Vec::new();
        if let Some(heir) = &heir {
            concerned = self.give(&mut tx, &there, heir).await?;
            give_volumes(&mut tx, &volumes_there, account, heir).await?;
        }
        let gone = Accounts::people_forget(&mut tx, account).await?;
        tx.commit().await?;
        tracing::info!(name = found.name.as_str(), by = caller.account.name, "an account was deleted");
        self.left(accounts, gone).await;
        if let Some(heir) = heir {
            for account in concerned {
                self.parts.events.publish(Topic::Rights(account));
            }
            self.taken_over(heir.id, &there).await;
        }
        Ok(())
    }

    /// Each with all that it holds, so the heir's quota must have room for it. Tells whose rights have changed.
    async fn give(&self, tx: &mut Tx, guests: &[Guest], heir: &Owner) -> Result<Vec<AccountId>, AppError> {
        let names: Vec<_> = guest_list_of(&mut *tx, heir.id).await?.into_iter().map(|guest| guest.spec.name).collect();
        for guest in guests {
            let name = &guest.spec.name;
            if guest.seen.is_alive() || guest.wanted == Wanted::Running {
                return Err(conflict(format!(
                    "{name} runs. Shut it down first: a guest changes hands while it is off."
                )));
            }
            if operation_under_way(&mut *tx, guest.id).await?.is_some() {
                return Err(conflict(format!("Something is under way for {name}. Try again when it is over.")));
            }
            if names.contains(name) {
                return Err(conflict(format!("{} has a guest {name} already. Rename one of them first.", heir.name)));
            }
            let number = match guest.number {
                Some(_) => Some(place(&mut *tx, &self.parts, heir.id).await?.map_err(|e| AppError::Invalid(e.into()))?),
                None => None,
            };
            let given = Guest { owner: heir.id, number, ..guest.clone() };
            guest_give(&mut *tx, &given).await?;
            quotas::reserve(&mut *tx, &given).await?;
            share_delete(&mut *tx, guest.id, heir.id).await?;
        }
        let mut concerned = reached_list_by(&mut *tx, heir.id).await?;
        concerned.push(heir.id);
        for account in &concerned {
            account_rights_changed(&mut *tx, *account).await?;
        }
        Ok(concerned)
    }

    async fn taken_over(&self, heir: AccountId, guests: &[Guest]) {
        for guest in guests {
            self.parts.guest_changed(guest.id);
        }
        if guests.iter().any(|guest| guest.spec.network == Attachment::Bridge)
            && let Err(error) = tell::forwards(&self.parts, heir).await
        {
            // The host is told again when the agent comes.
            tracing::warn!(cause = chain(&error), "the host does not know yet whose ports lead where");
        }
    }

    async fn left(&self, accounts: &Accounts, gone: Gone) {
        accounts.people_gone(gone);
        // Its network has no row any more.
        tell::removed(&self.parts).await;
    }

    /// For ever: brings about what rows of accounts say of their guests. Whatever ends the panel in between, its
    /// next life finds the same rows.
    pub async fn settle(self, accounts: Accounts) {
        loop {
            if let Err(error) = self.settle_all(&accounts).await {
                tracing::warn!(cause = chain(&error), "guests of accounts that end could not be looked after");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn settle_all(&self, accounts: &Accounts) -> Result<(), StoreError> {
        for account in account_list_unsettled(&self.parts.db, self.parts.clock.now()).await? {
            if account.standing == Standing::Leaving {
                self.leave(accounts, account.id).await?;
            } else if self.stop_all(account.id, Requester::panel).await? {
                accounts.people_settle(account.id).await?;
            }
        }
        Ok(())
    }

    async fn leave(&self, accounts: &Accounts, account: AccountId) -> Result<(), StoreError> {
        let guests = guest_list_of(&self.parts.db, account).await?;
        if guests.is_empty() {
            return match volumes::let_go_of(&self.parts, account).await? {
                true => self.forget(accounts, account).await,
                false => Ok(()),
            };
        }
        let now = self.parts.clock.now();
        for guest in &guests {
            // A purge that fails is tried again by the reconciler, and not as often as this looks.
            let purging = matches!(guest.wanted, Wanted::Deleted { purge_at } if purge_at <= now);
            let under_way = operation_under_way(&self.parts.db, guest.id).await?;
            if !purging && under_way.is_none_or(|(_, kind, _)| kind != OperationKind::GuestPurge) {
                self.operations.purge_due(guest).await?;
            }
        }
        Ok(())
    }

    async fn forget(&self, accounts: &Accounts, account: AccountId) -> Result<(), StoreError> {
        let mut tx = self.parts.db.begin().await?;
        // Another panel may have been faster.
        let leaves = account_fetch(&mut tx, account).await?.is_some_and(|found| found.standing == Standing::Leaving);
        let is_owner = !guest_list_of(&mut tx, account).await?.is_empty();
        if !leaves || is_owner || !volume_list_of(&mut tx, account).await?.is_empty() {
            return Ok(());
        }
        let gone = Accounts::people_forget(&mut tx, account).await?;
        tx.commit().await?;
        self.left(accounts, gone).await;
        Ok(())
    }
}

/// Who gets a guest: an account, or with an @ before its name a group.
async fn receiver(tx: &mut Tx, caller: &Caller, to: &str) -> Result<Owner, AppError> {
    let invalid = |message: String| AppError::Invalid(FieldErrors::one("to", message));
    if let Some(name) = to.trim().strip_prefix('@') {
        // In the words of one that somebody isn't in.
        let unknown = || invalid("There is no such group.".into());
        let name: GroupName = name.parse().map_err(|_| unknown())?;
        let group = group_fetch_by_name(&mut *tx, &name).await?.ok_or_else(unknown)?;
        let owner = Owner::of(tx, caller, Some(group.id)).await;
        // Of the field that was sent.
        return owner.map_err(|error| match error {
            AppError::Invalid(errors) => invalid(errors.of("group").collect()),
            other => other,
        });
    }
    let name: AccountName = to.trim().to_ascii_lowercase().parse().map_err(|_| invalid("Say to whom.".into()))?;
    if name.as_str() == caller.account.name {
        return Ok(Owner::myself(caller));
    }
    if caller.may(PanelRight::ManagePeople).is_err() {
        return Err(invalid("To yourself, or to a group that you manage; to others administrators give it.".into()));
    }
    let found = account_fetch_by_name(tx, &name).await?.filter(|found| !found.waits());
    let heir = found.ok_or_else(|| invalid(format!("There is no account {name}.")))?;
    if heir.standing == Standing::Leaving {
        return Err(invalid(format!("{name} goes itself.")));
    }
    Ok(Owner { id: heir.id, name: heir.name.into() })
}

/// Who gets what an account leaves.
async fn heir(tx: &mut Tx, caller: &Caller, to: &str, of: &Account) -> Result<Owner, AppError> {
    let heir = receiver(tx, caller, to).await?;
    if heir.id == of.id {
        return Err(AppError::Invalid(FieldErrors::one("to", format!("{} goes itself.", of.name))));
    }
    Ok(heir)
}

/// Each is counted as disk, so the heir's quota must have room for all of them.
async fn give_volumes(tx: &mut Tx, volumes: &[Volume], from: AccountId, heir: &Owner) -> Result<(), AppError> {
    let theirs = volume_list_of(&mut *tx, heir.id).await?;
    if let Some(same) = volumes.iter().find(|volume| theirs.iter().any(|own| own.name == volume.name)) {
        return Err(conflict(format!("{} has a volume {} already.", heir.name, same.name)));
    }
    if volumes.is_empty() {
        return Ok(());
    }
    quotas::reserve_disk(&mut *tx, heir.id, volumes.iter().map(|volume| u64::from(volume.size.mib())).sum()).await?;
    Ok(volume_give_all(tx, from, heir.id).await?)
}

fn still_owns(account: &Account, guests: usize, volumes: usize) -> AppError {
    let many = match (guests, volumes) {
        (0, 1) => "a volume".to_owned(),
        (0, volumes) => format!("{volumes} volumes"),
        (1, _) => "a guest".to_owned(),
        (guests, _) => format!("{guests} guests"),
    };
    let name = &account.name;
    conflict(format!("{name} has {many}. Delete what {name} has too, or give it to somebody else."))
}

fn conflict(message: String) -> AppError {
    AppError::Conflict { message }
}

/// Whether a guest is off when such an operation is over.
fn stops(kind: OperationKind) -> bool {
    use OperationKind as K;
    matches!(kind, K::GuestShutDown | K::GuestKill | K::GuestDelete | K::GuestPurge)
}
