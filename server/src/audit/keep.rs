//! What goes on behind the audit: rows whose end nobody saw get their number, the head of the chain is
//! remembered now and then, and what is older than it has to be is removed.

use std::time::Duration;

use umbel_app::backend::Came;
use umbel_app::shown::{AuditAction, AuditKind, AuditOutcome};

use super::{Audit, What, Who, append};
use crate::clock::{DAY, HOUR};
use crate::error::chain;
use crate::store::StoreError;
use crate::store::audit::{
    audit_checkpoint_insert, audit_checkpoint_newest, audit_head, audit_last_before, audit_pending_list,
    audit_remove_to,
};

const LOOK: Duration = Duration::from_secs(60);
/// Longer than any request takes; an upload is given half an hour.
const UNDER_WAY: i64 = HOUR;
/// How often the head of the chain is remembered.
const REMEMBER: i64 = HOUR;

impl Audit {
    /// As long as it is polled. A database that is away is asked again.
    pub fn keep(&self, days: i64) -> impl Future<Output = ()> + Send + 'static + use<> {
        let audit = self.clone();
        async move {
            let mut remember_at = i64::MIN;
            loop {
                let now = audit.clock.now();
                let mut done = audit.settle_old(now - UNDER_WAY).await;
                if now >= remember_at {
                    done = done.and(audit.trim(days).await).and(audit.remember().await);
                    remember_at = now + REMEMBER;
                }
                if let Err(error) = done {
                    tracing::warn!(cause = chain(&error), "the audit was not looked after");
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Numbers what an earlier life of the panel has begun. Where several panels share the rows, another
    /// one may be at it still, so its age has to show.
    pub async fn settle_earlier(&self) -> Result<(), StoreError> {
        if self.db.is_shared() { Ok(()) } else { self.settle_old(i64::MAX).await }
    }

    /// Numbers what was begun before that time.
    pub async fn settle_old(&self, before: i64) -> Result<(), StoreError> {
        for pending in audit_pending_list(&self.db, before).await? {
            self.settle(pending).await?;
        }
        Ok(())
    }

    /// Makes a checkpoint of the last row, and says it in the log, which may lie elsewhere.
    pub async fn remember(&self) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let (head, newest) = (audit_head(&mut tx).await?, audit_checkpoint_newest(&mut tx).await?);
        let Some(head) = head.filter(|head| newest.is_none_or(|newest| newest.number < head.number)) else {
            return Ok(());
        };
        audit_checkpoint_insert(&mut tx, &head, self.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(number = head.number, hash = head.hash, "a checkpoint of the audit");
        Ok(())
    }

    /// Removes what is older than so many days: a checkpoint stays, and a row that says so.
    pub async fn trim(&self, days: i64) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let now = self.clock.now();
        let Some(last) = audit_last_before(&mut tx, now - days * DAY).await? else { return Ok(()) };
        let what = What::new(AuditAction::AuditTrim, AuditKind::Audit).of(last.number);
        let what = what.detail(&format!("rows up to this number, older than {days} days"));
        let row = self.row(&Who::named("", Came::default()), what, AuditOutcome::Allowed, "");
        append(&mut tx, row).await?;
        audit_checkpoint_insert(&mut tx, &last, now).await?;
        let rows = audit_remove_to(&mut tx, last.number).await?;
        tx.commit().await?;
        tracing::info!(rows, "old rows of the audit were removed");
        Ok(())
    }
}
