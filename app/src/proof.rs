//! Who somebody is, proved lately: what it takes that for, in one table. Why these stands in
//! docs/decisions/step-up.md.

use umbel_guest::{PanelRight, Right, allowed};

use crate::AppError;
use crate::shown::{AuditAction, Role};

/// How long a proof is good, in µs.
pub const GOOD_FOR: i64 = 15 * 60 * 1_000_000;

/// How whoever asks has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a token, or it is the panel itself: nobody is there who could be asked.
    OfProgram,
    /// In a session, by all that signs its owner in; when, in µs since the epoch.
    At(i64),
}

/// Whom an action asks for a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Nobody,
    Everybody,
    /// Those who may do it; the others are told that they may not.
    Who(PanelRight),
}

/// The table: what opens a way in that stays, shuts the owner out, decides about people, leads data out, or can't be taken
/// back.
fn asks(action: AuditAction) -> Asks {
    match action {
        AuditAction::AccountCreate
        | AuditAction::AccountImport
        | AuditAction::AccountApprove
        | AuditAction::AccountRefuse
        | AuditAction::RegistrationSettings
        | AuditAction::AccountSuspend
        | AuditAction::AccountReinstate
        | AuditAction::AccountSetExpiry
        | AuditAction::AccountRemove
        | AuditAction::AccountSetRole
        | AuditAction::AccountResetPassword
        | AuditAction::AccountResetSecondFactor => Asks::Who(PanelRight::ManagePeople),
        AuditAction::WebhookCreate => Asks::Who(PanelRight::ManageWebhooks),
        AuditAction::TokenCreate
        | AuditAction::KeyAdd
        | AuditAction::InvitationCreate
        | AuditAction::SecondFactorBegin
        | AuditAction::OidcLink
        | AuditAction::OidcUnlink
        | AuditAction::GuestGive
        | AuditAction::GuestPurge
        | AuditAction::LeftoverRemove
        | AuditAction::BackupDownload
        | AuditAction::BackupFile
        | AuditAction::SnapshotFile
        | AuditAction::BackupRemove
        | AuditAction::VolumeRemove
        | AuditAction::SnapshotRemove => Asks::Everybody,
        // They are the proof, ask for what is in it by themselves, or give nobody a way in.
        AuditAction::SignIn
        | AuditAction::SessionConfirm
        | AuditAction::PasswordChange
        | AuditAction::SecondFactorOn
        | AuditAction::SecondFactorOff
        | AuditAction::OidcOpen
        | AuditAction::FirstRun
        | AuditAction::AccountRegister
        | AuditAction::InvitationAccept => Asks::Nobody,
        // Less is possible afterwards.
        AuditAction::SignOut
        | AuditAction::SessionEnd
        | AuditAction::TokenRemove
        | AuditAction::KeyRemove
        | AuditAction::InvitationRemove
        | AuditAction::WebhookRemove => Asks::Nobody,
        AuditAction::FirstRunLink
        | AuditAction::ConsoleOpen
        | AuditAction::GuestCreate
        | AuditAction::GuestChange
        | AuditAction::GuestStart
        | AuditAction::GuestShutDown
        | AuditAction::GuestKill
        | AuditAction::GuestRestart
        | AuditAction::GuestPause
        | AuditAction::GuestResume
        | AuditAction::GuestStartShell
        | AuditAction::GuestDelete
        | AuditAction::GuestUndelete
        | AuditAction::GuestSetUp
        | AuditAction::GuestSysrq
        | AuditAction::GuestReset
        | AuditAction::GuestRebuild
        | AuditAction::SnapshotTake
        | AuditAction::SnapshotRestore
        | AuditAction::SnapshotPlan
        | AuditAction::SnapshotClone
        | AuditAction::BackupPlan
        | AuditAction::BackupTake
        | AuditAction::BackupRestore
        | AuditAction::BackupClone
        | AuditAction::BackupOpen
        | AuditAction::BackupClose
        | AuditAction::FileSend
        | AuditAction::FileFetch
        | AuditAction::FileDownload
        | AuditAction::VolumeCreate
        | AuditAction::VolumeGrow
        | AuditAction::VolumeAttach
        | AuditAction::VolumeDetach
        | AuditAction::SharePut
        | AuditAction::ShareRemove
        | AuditAction::GuestAdopt
        | AuditAction::ExampleCreate
        | AuditAction::ForwardAdd
        | AuditAction::ForwardRemove
        | AuditAction::ImageImport
        | AuditAction::ImageRemove
        | AuditAction::ImageChange
        | AuditAction::ImageDeprecate
        | AuditAction::ImageOffer
        | AuditAction::KernelAdd
        | AuditAction::KernelRetire
        | AuditAction::KernelOffer
        | AuditAction::KernelChange
        | AuditAction::KernelRemove
        | AuditAction::KernelSettings
        | AuditAction::UploadBegin
        | AuditAction::UploadPut
        | AuditAction::UploadRemove
        | AuditAction::OperationCancel
        | AuditAction::GroupCreate
        | AuditAction::GroupChange
        | AuditAction::GroupRemove
        | AuditAction::MemberPut
        | AuditAction::MemberRemove
        | AuditAction::QuotaSet
        | AuditAction::QuotaAsk
        | AuditAction::QuotaGrant
        | AuditAction::QuotaRefuse
        | AuditAction::AnnouncementSet
        | AuditAction::AnnouncementClear
        | AuditAction::WebhookTest
        | AuditAction::WebhookRedeliver
        | AuditAction::PanelBackup
        | AuditAction::PanelRestore
        | AuditAction::AuditTrim => Asks::Nobody,
    }
}

impl Proof {
    /// Refused where the action takes a fresher one.
    pub fn is_enough(self, action: AuditAction, role: Role, now: i64) -> Result<(), AppError> {
        let asked = match asks(action) {
            Asks::Nobody => false,
            Asks::Everybody => true,
            Asks::Who(right) => allowed(role, Right::Panel(right)).is_ok(),
        };
        match self {
            Self::At(at) if asked && now - at >= GOOD_FOR => Err(AppError::ConfirmNeeded),
            Self::At(_) | Self::OfProgram => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_an_hour_and_not_longer() {
        let at = |now| Proof::At(7).is_enough(AuditAction::TokenCreate, Role::User, now);
        assert_eq!(at(7 + GOOD_FOR - 1), Ok(()));
        assert_eq!(at(7 + GOOD_FOR), Err(AppError::ConfirmNeeded));
        assert_eq!(Proof::OfProgram.is_enough(AuditAction::TokenCreate, Role::User, i64::MAX), Ok(()));
    }

    #[test]
    fn whoever_may_not_anyway_is_not_asked() {
        let old = |action, role| Proof::At(0).is_enough(action, role, GOOD_FOR);
        for action in [AuditAction::AccountRemove, AuditAction::WebhookCreate] {
            assert_eq!(old(action, Role::Administrator), Err(AppError::ConfirmNeeded), "{action:?}");
            assert_eq!(old(action, Role::Operator), Ok(()), "{action:?}");
        }
        assert_eq!(old(AuditAction::GuestPurge, Role::User), Err(AppError::ConfirmNeeded));
        assert_eq!(old(AuditAction::GuestStart, Role::Administrator), Ok(()));
    }
}
