use serde::{Deserialize, Serialize};

/// A closed set of words, one line each: the variant, its word in rows and the API, its title for people.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal $title:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($variant,)+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As rows and the API spell it.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// As people say it.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

words! {
    /// What was asked for.
    AuditAction {
        SignIn = "sign_in" "Sign in",
        SignOut = "sign_out" "Sign out",
        PasswordChange = "password_change" "Change password",
        SecondFactorBegin = "second_factor_begin" "Make a secret for a second factor",
        SecondFactorOn = "second_factor_on" "Switch on a second factor",
        SecondFactorOff = "second_factor_off" "Switch off a second factor",
        OidcOpen = "oidc_open" "Open account by sign-in provider",
        OidcLink = "oidc_link" "Link to sign-in provider",
        OidcUnlink = "oidc_unlink" "Remove link to sign-in provider",
        FirstRun = "first_run" "Make the first administrator",
        FirstRunLink = "first_run_link" "Print a first-run link",
        SessionConfirm = "session_confirm" "Prove who one is",
        SessionEnd = "session_end" "End a sign-in",
        TokenCreate = "token_create" "Make token",
        TokenRemove = "token_remove" "Remove token",
        KeyAdd = "key_add" "Add key",
        KeyRemove = "key_remove" "Remove key",
        ConsoleOpen = "console_open" "Open console",
        GuestCreate = "guest_create" "Create guest",
        GuestChange = "guest_change" "Change guest",
        GuestStart = "guest_start" "Start guest",
        GuestShutDown = "guest_shut_down" "Shut guest down",
        GuestKill = "guest_kill" "Kill guest",
        GuestRestart = "guest_restart" "Restart guest",
        GuestPause = "guest_pause" "Pause guest",
        GuestResume = "guest_resume" "Let guest go on",
        GuestStartShell = "guest_start_shell" "Start guest into a shell",
        GuestDelete = "guest_delete" "Delete guest",
        GuestUndelete = "guest_undelete" "Undo deletion of guest",
        GuestPurge = "guest_purge" "Purge guest",
        GuestReset = "guest_reset" "Reset guest",
        GuestRebuild = "guest_rebuild" "Rebuild guest",
        SnapshotTake = "snapshot_take" "Take snapshot",
        SnapshotRestore = "snapshot_restore" "Restore snapshot",
        SnapshotPlan = "snapshot_plan" "Set plan of snapshots",
        SnapshotClone = "snapshot_clone" "Make guest of snapshot",
        SnapshotRemove = "snapshot_remove" "Remove snapshot",
        BackupPlan = "backup_plan" "Set plan of backups",
        BackupTake = "backup_take" "Back guest up",
        BackupRestore = "backup_restore" "Restore backup",
        BackupClone = "backup_clone" "Make guest of backup",
        BackupDownload = "backup_download" "Download backup",
        BackupRemove = "backup_remove" "Remove backup",
        BackupOpen = "backup_open" "Open backup",
        BackupClose = "backup_close" "Close backup",
        BackupFile = "backup_file" "Take file of backup",
        SnapshotFile = "snapshot_file" "Take file of snapshot",
        FileSend = "file_send" "Send file into guest",
        FileFetch = "file_fetch" "Fetch file out of guest",
        FileDownload = "file_download" "Download file of guest",
        VolumeCreate = "volume_create" "Make volume",
        VolumeGrow = "volume_grow" "Make volume larger",
        VolumeRemove = "volume_remove" "Remove volume",
        VolumeAttach = "volume_attach" "Attach volume",
        VolumeDetach = "volume_detach" "Detach volume",
        GuestSetUp = "guest_set_up" "Set guest up anew",
        GuestSysrq = "guest_sysrq" "Press SysRq key",
        GuestGive = "guest_give" "Give guest away",
        SharePut = "share_put" "Share guest",
        ShareRemove = "share_remove" "Share guest no more",
        LeftoverRemove = "leftover_remove" "Remove leftover",
        GuestAdopt = "guest_adopt" "Adopt guest",
        ExampleCreate = "example_create" "Create the classic example",
        ForwardAdd = "forward_add" "Forward a port",
        ForwardRemove = "forward_remove" "Stop forwarding a port",
        ImageImport = "image_import" "Import image",
        ImageRemove = "image_remove" "Remove image",
        ImageDeprecate = "image_deprecate" "Deprecate image",
        ImageOffer = "image_offer" "Offer image as before",
        ImageChange = "image_change" "Change note of image",
        KernelAdd = "kernel_add" "Add kernel",
        KernelRetire = "kernel_retire" "Retire kernel",
        KernelOffer = "kernel_offer" "Offer kernel again",
        KernelChange = "kernel_change" "Change note of kernel",
        KernelRemove = "kernel_remove" "Remove kernel",
        KernelSettings = "kernel_settings" "Change settings of kernels",
        UploadBegin = "upload_begin" "Begin upload",
        UploadPut = "upload_put" "Upload file",
        UploadRemove = "upload_remove" "Remove upload",
        OperationCancel = "operation_cancel" "Cancel operation",
        AccountCreate = "account_create" "Create account",
        AccountImport = "account_import" "Create many accounts",
        AccountSuspend = "account_suspend" "Suspend account",
        AccountReinstate = "account_reinstate" "Reinstate account",
        AccountSetExpiry = "account_set_expiry" "Change end of account",
        AccountRemove = "account_remove" "Delete account",
        AccountSetRole = "account_set_role" "Change role of account",
        AccountResetPassword = "account_reset_password" "Reset password",
        AccountApprove = "account_approve" "Approve account",
        AccountRefuse = "account_refuse" "Refuse account",
        AccountRegister = "account_register" "Register",
        RegistrationSettings = "registration_settings" "Change who may register",
        InvitationCreate = "invitation_create" "Invite",
        InvitationRemove = "invitation_remove" "Take an invitation back",
        InvitationAccept = "invitation_accept" "Come by an invitation",
        GroupCreate = "group_create" "Create group",
        GroupChange = "group_change" "Change group",
        GroupRemove = "group_remove" "Remove group",
        MemberPut = "member_put" "Put into group",
        MemberRemove = "member_remove" "Take out of group",
        AccountResetSecondFactor = "account_reset_second_factor" "Reset second factor",
        QuotaSet = "quota_set" "Set a quota",
        QuotaAsk = "quota_ask" "Ask for more",
        QuotaGrant = "quota_grant" "Grant more",
        QuotaRefuse = "quota_refuse" "Refuse more",
        AnnouncementSet = "announcement_set" "Announce something",
        AnnouncementClear = "announcement_clear" "Take an announcement back",
        WebhookCreate = "webhook_create" "Make webhook",
        WebhookRemove = "webhook_remove" "Remove webhook",
        WebhookTest = "webhook_test" "Try webhook",
        WebhookRedeliver = "webhook_redeliver" "Send webhook again",
        PanelBackup = "panel_backup" "Back the panel up",
        PanelRestore = "panel_restore" "Restore the panel",
        AuditTrim = "audit_trim" "Remove old rows of the audit",
    }
}

words! {
    /// What it was asked of.
    AuditKind {
        Account = "account" "account",
        Audit = "audit" "audit",
        Forward = "forward" "forwarded port",
        Group = "group" "group",
        Guest = "guest" "guest",
        Image = "image" "image",
        Invitation = "invitation" "invitation",
        Kernel = "kernel" "kernel",
        Key = "key" "key",
        Operation = "operation" "operation",
        Panel = "panel" "panel",
        Quota = "quota" "quota",
        Session = "session" "sign-in",
        Token = "token" "token",
        Upload = "upload" "upload",
        Volume = "volume" "volume",
        Webhook = "webhook" "webhook",
    }
}

words! {
    /// Which way it came, as far as the request says so.
    AuditVia {
        Page = "page" "page",
        Api = "api" "API",
        CommandLine = "command_line" "command line",
        Panel = "panel" "the panel itself",
    }
}

words! {
    /// How it ended.
    AuditOutcome {
        Allowed = "allowed" "allowed",
        Refused = "refused" "refused",
        // It was allowed, and could not be done.
        Failed = "failed" "failed",
        // The panel ended, or the one who asked went away, before the end was known.
        Unknown = "unknown" "end unknown",
    }
}

/// A row. Words are text here: a row may have been written by a newer panel, or by somebody who shouldn't.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AuditShown {
    pub number: i64,
    pub at: i64,
    /// None where nobody was signed in.
    pub account: Option<String>,
    /// Of the account, or the name that was tried.
    pub name: String,
    pub action: String,
    pub kind: String,
    /// The id, where it has one.
    pub object: String,
    /// Its name at that time.
    pub object_name: String,
    pub detail: String,
    pub via: String,
    pub address: String,
    pub outcome: String,
    /// Why not.
    pub reason: String,
    /// Over the hash before and all of the above.
    pub hash: String,
}

/// What rows somebody looks for, as a form and the API spell it; what is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// The name of an account, or its id.
    pub who: String,
    pub action: String,
    /// The id of a thing, or its name.
    pub object: String,
    pub outcome: String,
    /// Days in UTC, as 2026-11-28; both belong to it.
    pub from: String,
    pub to: String,
    /// Only rows of smaller numbers: `next` of the page before.
    pub before: String,
    pub limit: String,
}

/// The newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AuditPage {
    pub rows: Vec<AuditShown>,
    /// `before` of the next page, if there is one.
    pub next: Option<i64>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_leads_back_to_its_action() {
        let words: BTreeSet<&str> = AuditAction::ALL.iter().map(|action| action.word()).collect();
        assert_eq!(words.len(), AuditAction::ALL.len());
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::of_word(action.word()), Some(*action));
        }
        assert_eq!(AuditOutcome::of_word("perhaps"), None);
    }
}
