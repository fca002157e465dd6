//! What may reach a browser: never rows, never secrets. Times are µs since the epoch, UTC.

mod account;
mod announcement;
mod audit;
mod backup;
mod etag;
mod files;
mod group;
mod guest;
mod host;
mod image;
mod invitation;
mod kernel;
mod key;
mod live;
mod metrics;
mod network;
mod operation;
mod parcel;
mod quota;
mod share;
mod snapshot;
mod storage;
mod stray;
mod token;
mod usage;
mod volume;
mod webhook;

pub use account::{
    AccountShown, AccountState, FirstPassword, GuestsLeft, GuestsThen, ImportDraft, ImportShown, ImportedShown,
    PersonFilter, PersonPage, PersonShown, RecoveryCodes, Registration, RegistrationSettings, SecondFactorShown,
    SecondFactorStart, SessionShown,
};
pub use announcement::{AnnouncementDraft, AnnouncementLevel, AnnouncementShown};
pub use audit::{AuditAction, AuditFilter, AuditKind, AuditOutcome, AuditPage, AuditShown, AuditVia};
pub use backup::{BackupShown, BackupTaken, BackupsShown};
pub use etag::Etag;
pub use files::{BackupFilesShown, FileAsked, FileShown, FilesShown, OpenState, PathAsked};
pub use group::{GroupDraft, GroupRoll, GroupShown, MemberDraft, MemberShown};
pub use guest::{
    ConsoleTail, Created, GroupChoice, GuestChange, GuestFilter, GuestForm, GuestPage, GuestShown, SaidShown,
};
pub use host::{AgentLink, CheckShown, CheckState, HostShown, OverviewShown, WallShown};
pub use image::{ImageChange, ImageChoice, ImageDraft, ImageFilter, ImagePage, ImageShown};
pub use invitation::{InvitationDraft, InvitationShown, InvitedInto, InvitedLimit, NewInvitation};
pub use kernel::{
    Choice, KernelChange, KernelChoice, KernelDraft, KernelFilter, KernelPage, KernelSettings, KernelShown,
    UploadedFile, Who,
};
pub use key::{KeyDraft, KeyShown};
pub use live::{LiveEvent, Topic};
pub use metrics::{MemoryInsideShown, MetricsShown};
pub use network::{ForwardDraft, ForwardShown, NetworkGuest, NetworkShown};
pub use operation::{
    LogLine, OperationFilter, OperationKind, OperationPage, OperationShown, OperationSought, OperationState, StepShown,
    StepState,
};
pub use parcel::{FileFetchDraft, FileHere, FileSendDraft, FileWay, ParcelShown, ParcelsShown};
pub use quota::{
    AccountQuotaShown, GroupQuotaShown, QuotaChange, QuotaOf, QuotaRequestShown, QuotaRequestState, QuotaShown,
    QuotaWish, QuotasShown, RoleLimit, RoleQuotaShown, read_group,
};
pub use share::{ShareDraft, ShareShown};
pub use snapshot::{
    CloneDraft, PlanDraft, PlanShown, RebuildDraft, SnapshotDraft, SnapshotShown, SnapshotTaken, SnapshotsShown,
};
pub use storage::{LeftoverShown, StorageShown, StoredGuest, StoredImage};
pub use stray::{AdoptShown, StrayShown};
pub use token::{NewToken, Scope, TokenAsk, TokenDraft, TokenShown};
pub use umbel_guest::Role;
pub use usage::{AccountUsed, DayUsed, Days, UsageAsked, UsageShown};
pub use volume::{
    AttachDraft, AttachedShown, StrayVolume, VolumeChange, VolumeDraft, VolumeShown, VolumeTaker, VolumesShown,
};
pub use webhook::{DeliveryShown, DeliveryState, NewWebhook, WebhookDraft, WebhookEvent, WebhookShown, WebhooksShown};
