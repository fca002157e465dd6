//! The guest as an idea: what it is called, what it is made of, what state it is in and what may be
//! asked of it next. Pure: no clock, no randomness, no IO, so the same code decides in the browser,
//! the server and the agent.
//!
//! Read in this order: [`id`], [`name`], [`spec`] with [`limits`], [`network`], [`image`] and [`kernel`], [`state`],
//! [`setup`],
//! [`snapshot`] and [`publish`], [`volume`], [`parcel`], [`action`], [`rights`] with [`group`], [`quota`], [`console`], [`metrics`], [`wall`]; and [`by_hand`], for guests that nobody here
//! has started.

pub mod action;
pub mod by_hand;
pub mod console;
pub mod field;
pub mod files;
pub mod group;
pub mod id;
pub mod image;
pub mod kernel;
pub mod limits;
pub mod metrics;
pub mod name;
pub mod network;
#[cfg(feature = "openapi")]
mod openapi;
pub mod parcel;
pub mod publish;
pub mod quota;
pub mod rights;
pub mod setup;
pub mod size;
pub mod snapshot;
pub mod spec;
pub mod state;
pub mod stray;
pub mod sysrq;
pub mod token;
pub mod usage;
mod visibility;
pub mod volume;
pub mod wall;

pub use action::{Action, Refused};
pub use field::{FieldError, FieldErrors};
pub use group::{GroupKind, GroupRole};
pub use id::{
    AccountId, BackupId, DeliveryId, Generation, GroupId, GuestId, ImageId, InstanceId, InvitationId, KernelId, KeyId,
    NetworkId, OperationId, ParcelId, QuotaRequestId, SnapshotId, UploadId, VolumeId, WebhookId,
};
pub use image::ImageOrigin;
pub use kernel::{KernelFeatures, KernelOrigin};
pub use limits::Limits;
pub use metrics::{Sample, Series, Span};
pub use name::{AccountName, GroupName, GuestName, Note, SnapshotName, VolumeName};
pub use network::{Forward, HostNumber, Mac};
pub use parcel::{FileName, GuestPath, ParcelSeen, ParcelSize};
pub use publish::Logins;
pub use rights::{Access, Denied, GuestRight, MayNot, PanelRight, Relation, Right, Role, Shares, allowed};
pub use setup::{Setup, SetupDraft, SetupSeen};
pub use size::{DiskSize, Memory};
pub use snapshot::{Every, SnapshotKind};
pub use spec::{Attachment, Boot, Clock, DiskKind, GuestDraft, GuestSpec, ImageKind, KernelMode, RestartPolicy};
pub use state::{Exit, Phase, Seen, Until, Wanted};
pub use stray::StrayName;
pub use sysrq::SysRqKey;
pub use visibility::Visibility;
pub use volume::{Slot, VolumeAccess, VolumeState};
pub use wall::WallState;
