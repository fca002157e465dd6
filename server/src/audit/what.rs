//! What something is asked of, and as what it stands in the audit.

use umbel_app::AppError;
use umbel_app::shown::{AuditAction, AuditKind, Created, GuestChange, ImageDraft};
use umbel_guest::{AccountId, Action, BackupId, GroupId, GuestId, ImageId, KernelId, SnapshotId, UploadId, WebhookId};

use super::What;
use crate::outward::origin_of;
use crate::panel::Panel;
use crate::store::accounts::account_fetch;
use crate::store::groups::group_fetch;
use crate::store::guest_backups::guest_backup_fetch;
use crate::store::guests::guest_fetch;
use crate::store::snapshots::snapshot_fetch;
use crate::store::webhooks::webhook_fetch;

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
}

pub(super) fn kernel(action: AuditAction, kernel: &KernelId) -> What {
    What::new(action, AuditKind::Kernel).of(kernel).named(kernel.as_str())
}

/// Where it comes from is what matters of one.
pub(super) fn of_import(draft: &ImageDraft) -> What {
    let name = format!("{}-{}", draft.name, draft.version);
    let from = match (draft.url.as_str(), draft.guest, draft.snapshot) {
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
