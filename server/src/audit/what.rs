//! What something is asked of, and as what it stands in the audit.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AuditAction, AuditKind, Created, GuestChange, ImageDraft, QuotaChange, QuotaOf};
use umbel_guest::quota::Said;
use umbel_guest::{
    AccountId, Action, BackupId, GroupId, GuestId, ImageId, KernelId, KeyId, OperationId, QuotaRequestId, SnapshotId,
    UploadId, WebhookId,
};
use umbel_recipe::Recipe;

use super::What;
use crate::outward::origin_of;
use crate::panel::Panel;
use crate::store::accounts::account_fetch;
use crate::store::groups::group_fetch;
use crate::store::guest_backups::guest_backup_fetch;
use crate::store::guests::guest_fetch;
use crate::store::keys::key_list;
use crate::store::networks::forward_list;
use crate::store::operations::operation_fetch;
use crate::store::quota_requests::quota_request_fetch;
use crate::store::snapshots::snapshot_fetch;
use crate::store::tokens::token_list;
use crate::store::webhooks::webhook_fetch;

/// What is kept of the hash that a session or a token is known by: enough to tell it from others.
pub(super) const KNOWN: usize = 12;

/// Names are looked up before it is done: afterwards the thing may be gone. Who may not see it doesn't
/// learn them, only administrators read the audit.
impl Panel {
    pub(super) async fn guest(&self, action: AuditAction, guest: GuestId) -> Result<What, AppError> {
        let found = guest_fetch(&self.store, guest).await?;
        let name = found.map(|guest| guest.spec.name.to_string()).unwrap_or_default();
        Ok(What::new(action, AuditKind::Guest).of(guest).named(&name))
    }

    /// Of its guest, with its name.
    pub(super) async fn snapshot(
        &self,
        action: AuditAction,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<What, AppError> {
        let found = snapshot_fetch(&self.store, guest, snapshot).await?;
        let name = found.map(|snapshot| snapshot.name).unwrap_or_default();
        Ok(self.guest(action, guest).await?.detail(format!("{name} {snapshot}").trim()))
    }

    /// Of its guest, which may be gone.
    pub(super) async fn backup(&self, action: AuditAction, backup: BackupId) -> Result<What, AppError> {
        let found = guest_backup_fetch(&self.store, self.guests.parts.host, backup).await?;
        let what = What::new(action, AuditKind::Guest).detail(&backup.to_string());
        Ok(match found {
            Some(found) => what.of(found.guest).named(found.spec.name.as_str()),
            None => what,
        })
    }

    pub(super) async fn account(&self, action: AuditAction, account: AccountId) -> Result<What, AppError> {
        let found = account_fetch(&self.store, account).await?;
        let name = found.map(|account| account.name.to_string()).unwrap_or_default();
        Ok(What::new(action, AuditKind::Account).of(account).named(&name))
    }

    pub(super) async fn group(&self, action: AuditAction, group: GroupId) -> Result<What, AppError> {
        let found = group_fetch(&self.store, group).await?;
        let name = found.map(|group| group.name.to_string()).unwrap_or_default();
        Ok(What::new(action, AuditKind::Group).of(group).named(&name))
    }

    pub(super) async fn webhook(&self, action: AuditAction, id: WebhookId) -> Result<What, AppError> {
        let found = webhook_fetch(&self.store, id).await?;
        let name = found.map(|webhook| origin_of(&webhook.url)).unwrap_or_default();
        Ok(What::new(action, AuditKind::Webhook).of(id).named(&name))
    }

    pub(super) async fn forward(&self, action: AuditAction, host_port: u16) -> Result<What, AppError> {
        let there = forward_list(&self.store, self.guests.parts.host).await?;
        let found = there.into_iter().find(|forward| forward.host_port == host_port);
        let name = found.map(|forward| forward.guest_name.to_string()).unwrap_or_default();
        Ok(What::new(action, AuditKind::Forward).of(host_port).named(&name))
    }

    pub(super) async fn operation(&self, action: AuditAction, operation: OperationId) -> Result<What, AppError> {
        let found = operation_fetch(&self.store, operation).await?;
        let name = found.map(|found| found.kind.title_of(&found.guest_name)).unwrap_or_default();
        Ok(What::new(action, AuditKind::Operation).of(operation).named(&name))
    }

    /// One of the caller's own, as the next one.
    pub(super) async fn key(&self, action: AuditAction, caller: &Caller, key: KeyId) -> Result<What, AppError> {
        let found = key_list(&self.store, caller.account.id).await?.into_iter().find(|known| known.id == key);
        let name = found.map(|key| key.name).unwrap_or_default();
        Ok(What::new(action, AuditKind::Key).of(key).named(&name))
    }

    pub(super) async fn token(&self, action: AuditAction, caller: &Caller, token: &str) -> Result<What, AppError> {
        let found = token_list(&self.store, caller.account.id).await?.into_iter().find(|known| known.id == token);
        let name = found.map(|token| token.name).unwrap_or_default();
        let known: String = token.chars().take(KNOWN).collect();
        Ok(What::new(action, AuditKind::Token).of(known).named(&name))
    }

    pub(super) async fn quota(&self, change: &QuotaChange) -> Result<What, AppError> {
        let action = AuditAction::QuotaSet;
        let what = match change.of {
            QuotaOf::Role(role) => What::new(action, AuditKind::Quota).of(role.word()).named(role.word()),
            QuotaOf::Account(account) => self.account(action, account).await?,
            QuotaOf::Groups => What::new(action, AuditKind::Quota).of("groups").named("groups"),
            QuotaOf::Group(group) => self.group(action, group).await?,
        };
        let limit = match change.said {
            None => "what would hold without".to_owned(),
            Some(Said::NoLimit) => "no limit".to_owned(),
            Some(Said::AtMost(most)) => most.to_string(),
        };
        Ok(what.detail(&format!("{}={limit}", change.kind)))
    }

    pub(super) async fn quota_request(&self, request: QuotaRequestId, granted: bool) -> Result<What, AppError> {
        let action = if granted { AuditAction::QuotaGrant } else { AuditAction::QuotaRefuse };
        let what = What::new(action, AuditKind::Quota).of(request);
        Ok(match quota_request_fetch(&self.store, request).await? {
            Some(wish) => what.named(&wish.account_name).detail(&format!("{}={}", wish.kind, wish.wanted)),
            None => what,
        })
    }
}

pub(super) fn kernel(action: AuditAction, kernel: &KernelId) -> What {
    What::new(action, AuditKind::Kernel).of(kernel).named(kernel.as_str())
}

/// Where it comes from is what matters of one.
pub(super) fn of_import(draft: &ImageDraft) -> What {
    // What a draft doesn't say, its recipe does.
    let recipe = Recipe::parse(&draft.recipe).ok();
    let its = |said: &str, of: fn(&Recipe) -> &String| match &recipe {
        Some(recipe) if said.trim().is_empty() => of(recipe).clone(),
        _ => said.to_owned(),
    };
    let name = format!("{}-{}", its(&draft.name, |its| &its.name), its(&draft.version, |its| &its.version));
    let from = match (draft.url.as_str(), draft.guest, draft.snapshot) {
        _ if !draft.recipe.is_empty() => "a recipe".into(),
        (_, Some(guest), Some(snapshot)) => format!("{guest} {snapshot} logins={}", draft.logins.name()),
        ("", ..) => format!("upload {}", draft.upload),
        (url, ..) => origin_of(url),
    };
    What::new(AuditAction::ImageImport, AuditKind::Image).of(&name).named(&name).detail(&from)
}

pub(super) fn of_image(action: AuditAction, image: &ImageId) -> What {
    What::new(action, AuditKind::Image).of(image).named(image.as_str())
}

pub(super) fn upload(action: AuditAction, upload: UploadId) -> What {
    What::new(action, AuditKind::Upload).of(upload)
}

pub(super) fn of_guest(action: Action) -> AuditAction {
    match action {
        Action::Start => AuditAction::GuestStart,
        Action::ShutDown => AuditAction::GuestShutDown,
        Action::Kill => AuditAction::GuestKill,
        Action::Restart => AuditAction::GuestRestart,
        Action::Pause => AuditAction::GuestPause,
        Action::Resume => AuditAction::GuestResume,
        Action::StartShell => AuditAction::GuestStartShell,
        Action::Reset => AuditAction::GuestReset,
        Action::Delete => AuditAction::GuestDelete,
        Action::Undelete => AuditAction::GuestUndelete,
        Action::Purge => AuditAction::GuestPurge,
        // Asked for in another way, and refused.
        Action::Snapshot => AuditAction::SnapshotTake,
        Action::Limit | Action::Change | Action::Rename => AuditAction::GuestChange,
        Action::ReadConsole | Action::TypeConsole => AuditAction::ConsoleOpen,
    }
}

/// The fields that are to change, with what they are to be; what a note says is nobody's business here.
pub(super) fn of_change(change: &GuestChange) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(change) else { return String::new() };
    let said = fields.iter().filter(|(_, value)| !value.is_null()).map(|(field, value)| match value {
        _ if field == "note" => field.clone(),
        serde_json::Value::String(text) => format!("{field}={text}"),
        value => format!("{field}={value}"),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// As the API spells it.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

pub(super) fn made(created: &Created) -> Option<String> {
    Some(created.guest.to_string())
}
