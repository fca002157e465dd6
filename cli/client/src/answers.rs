//! What the panel answers, as far as a client needs it. Fields that a newer panel adds are ignored;
//! words that are not decided upon here stay words. Times are µs since the epoch, UTC.

mod accounts;
mod webhooks;

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use umbel_guest::state::Badge;
use umbel_guest::{
    AccountId, Attachment, Clock, DiskKind, DiskSize, Generation, GuestDraft, GuestId, GuestName, HostNumber, ImageId,
    ImageKind, KernelFeatures, KernelId, KernelMode, KeyId, Limits, Logins, Memory, NetworkId, Note, OperationId,
    RestartPolicy, Seen, SetupSeen, SnapshotId, SnapshotKind, Span, StrayName, UploadId, Visibility, WallState, Wanted,
};

pub use accounts::{
    Account, AccountQuota, AccountUsed, Announcement, DayUsed, FirstPassword, Group, GroupMember, GroupQuota,
    GroupRoll, Imported, Invitation, InvitationDraft, InvitedInto, NewInvitation, NewToken, Person, Quota,
    QuotaRequest, Quotas, RegistrationSettings, SecondFactorStart, Share, Token, Usage,
};
pub(crate) use accounts::{ImportedAll, QuotaAsked, RecoveryCodes};
pub use webhooks::{Delivery, NewWebhook, Webhook, Webhooks};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    pub id: GuestId,
    pub name: GuestName,
    pub note: Note,
    pub owner: AccountId,
    pub owner_name: String,
    pub image: ImageId,
    pub kernel: KernelId,
    pub memory: Memory,
    pub disk: DiskSize,
    pub disk_kind: DiskKind,
    pub restart_policy: RestartPolicy,
    pub autostart: bool,
    pub mode: KernelMode,
    pub clock: Clock,
    pub network: Attachment,
    pub limits: Limits,
    /// In its owner's network, once that is known.
    pub address: Option<Ipv4Addr>,
    pub wanted: Wanted,
    pub seen: Seen,
    pub generation: Generation,
    /// What the reconciler is waiting for, in words.
    pub waiting: Option<String>,
    pub created_at: i64,
    /// Of what can be changed of it.
    pub etag: String,
    /// What is under way for it now.
    pub operation: Option<Operation>,
    /// The last lines that it wrote to its management console; empty in lists.
    pub said: Vec<Said>,
    /// What came of what it was told; nothing where it was told nothing.
    #[serde(default)]
    pub setup: Option<SetupSeen>,
}

/// A guest's own word: hostile text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub at: i64,
    pub text: String,
    /// How many lines before this one were not kept.
    pub missed: u32,
}

impl Guest {
    pub fn badge(&self) -> Badge {
        Badge::of(&self.wanted, &self.seen)
    }

    pub fn is_running(&self) -> bool {
        matches!(self.seen, Seen::Running { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestForm {
    pub suggested_name: String,
    pub images: Vec<ImageChoice>,
    /// The default first.
    pub kernels: Vec<KernelChoice>,
    pub disks: Vec<DiskSize>,
    pub memory_available_mib: u32,
    pub disk_free_mib: u64,
}

impl GuestForm {
    /// The first image that a guest gets a disk of its own from.
    pub fn disk_image(&self) -> Option<&ImageChoice> {
        self.images.iter().find(|image| image.kind == ImageKind::Disk)
    }

    /// What the page sends if nothing is touched. Where there is no image or kernel, the draft names
    /// none, and the panel says so.
    pub fn suggested(&self) -> GuestDraft {
        let image = self.images.first();
        let tree = image.is_some_and(|image| image.kind == ImageKind::HostTree);
        let disk = self.disks.iter().find(|d| **d >= DiskSize::DEFAULT).or(self.disks.last());
        GuestDraft {
            name: self.suggested_name.clone(),
            image: image.map(|i| i.id.to_string()).unwrap_or_default(),
            kernel: self.kernels.first().map(|k| k.id.to_string()).unwrap_or_default(),
            memory_mib: image.map_or(Memory::DEFAULT, |i| i.suggested_memory).mib(),
            disk_mib: disk.copied().unwrap_or(DiskSize::DEFAULT).mib(),
            disk_kind: if tree { DiskKind::Memory } else { DiskKind::default() },
            ..GuestDraft::default()
        }
    }
}

/// An image as the form for a guest offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChoice {
    pub id: ImageId,
    pub title: String,
    pub description: String,
    pub kind: ImageKind,
    pub sizes: Vec<DiskSize>,
    pub suggested_memory: Memory,
    /// What was said about it, where it should rather not be taken.
    pub deprecated: Option<String>,
}

/// An image of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub id: ImageId,
    pub name: String,
    pub version: Option<String>,
    pub title: String,
    pub description: String,
    /// How it came, and from which address.
    pub origin: String,
    pub came_from: Option<String>,
    pub sha256: Option<String>,
    pub kind: ImageKind,
    pub file_system: Option<String>,
    pub fills_disk: bool,
    pub default_user: String,
    pub sizes: Vec<DiskSize>,
    /// Of the host's disk.
    pub taken_bytes: u64,
    pub suggested_memory: Memory,
    pub tested_with: Option<String>,
    pub imported: bool,
    pub deprecated: bool,
    /// The newest version, if this isn't it.
    pub newer: Option<ImageId>,
    pub note: String,
    /// Who sees it, and the name of the group where it is one's.
    pub visibility: Visibility,
    pub group: Option<String>,
    /// How many guests have it; for administrators.
    pub used_by: Option<u64>,
}

/// An image that is to be made of an upload, of what is fetched, of a recipe, or of a snapshot. What is empty is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageDraft {
    pub upload: String,
    /// Where it is fetched from, instead of an upload.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// What it is built of, instead of both.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recipe: String,
    /// The guest of whose snapshot it is made, instead of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotId>,
    pub logins: Logins,
    pub name: String,
    pub version: String,
    pub title: String,
    pub description: String,
    pub default_user: String,
    pub memory_mib: Option<u32>,
    pub tested_with: String,
    pub note: String,
    pub visibility: Visibility,
}

/// A kernel as the form for a guest offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelChoice {
    pub id: KernelId,
    pub version: String,
    pub origin: String,
    pub is_default: bool,
    /// Why it can't be had.
    pub refused: Option<String>,
    pub features: KernelFeatures,
    pub modes: Vec<Choice<KernelMode>>,
    pub clocks: Vec<Choice<Clock>>,
    pub networks: Vec<Choice<Attachment>>,
}

/// A value, and why it can't be had, if it can't.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice<T> {
    pub value: T,
    pub refused: Option<String>,
}

/// A kernel of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    pub id: KernelId,
    pub version: String,
    pub origin: String,
    pub uploaded: bool,
    pub sha256: String,
    pub size_bytes: u64,
    pub features: KernelFeatures,
    pub is_default: bool,
    pub retired: bool,
    pub note: String,
    pub used_by: Vec<String>,
}

/// Who may choose and put in kernels: `everyone` or `administrators`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSettings {
    pub choice: String,
    pub upload: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) upload: UploadId,
}

/// A guest's disk, and the copies of it that are kept, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshots {
    /// What the disk takes of the host's, without its base.
    pub disk_bytes: Option<u64>,
    pub shares_blocks: bool,
    pub rows: Vec<Snapshot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub kind: SnapshotKind,
    pub name: String,
    /// Else it is being made.
    pub is_whole: bool,
    pub taken_bytes: u64,
    pub made_at: i64,
    /// When it goes by itself.
    pub goes_at: Option<i64>,
}

/// A snapshot that is being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub snapshot: SnapshotId,
    pub operation: OperationId,
}

/// A file that has come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedFile {
    pub name: String,
    pub size_bytes: u64,
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub id: NetworkId,
    pub owner: AccountId,
    pub owner_name: String,
    pub subnet: Option<String>,
    pub gateway: Option<Ipv4Addr>,
    pub has_bridge: bool,
    pub guests: Vec<NetworkGuest>,
    pub forwards: Vec<Forward>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkGuest {
    pub id: GuestId,
    pub name: GuestName,
    pub attachment: Attachment,
    pub number: HostNumber,
    pub address: Option<Ipv4Addr>,
    pub mac: String,
}

/// A TCP port of the host that leads to a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    pub host_port: u16,
    pub guest: GuestId,
    pub guest_name: GuestName,
    pub guest_port: u16,
    pub leads: bool,
}

/// Curves: the same length each, the oldest first, `None` where nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    pub span: Span,
    pub step_s: u32,
    pub end: i64,
    pub cpu_permille: Vec<Option<u32>>,
    pub memory_kib: Vec<Option<u32>>,
    pub net_in_kib_s: Vec<Option<u32>>,
    pub net_out_kib_s: Vec<Option<u32>>,
    pub disk_read_kib_s: Vec<Option<u32>>,
    pub disk_write_kib_s: Vec<Option<u32>>,
    pub processes: Vec<Option<u32>>,
}

/// The guest's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryInside {
    pub total_kib: u32,
    pub available_kib: u32,
}

/// A root image that lies ready for adoption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    pub name: StrayName,
    pub size_bytes: u64,
    pub file_system: Option<String>,
    pub refused: Option<String>,
}

/// What a command line means to the panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    pub draft: GuestDraft,
    pub left_out: Vec<String>,
}

/// A change of a guest; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuestChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostart: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<KernelMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Attachment>,
    /// All of them at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// A public key of one's own account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub id: KeyId,
    pub name: String,
    pub kind: String,
    /// As ssh-keygen(1) shows it.
    pub fingerprint: String,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    pub guest: GuestId,
    pub operation: OperationId,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Acted {
    pub(crate) operation: Option<OperationId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub id: OperationId,
    /// A noun and a verb, as `guest_create`.
    pub kind: String,
    pub guest: Option<GuestId>,
    pub guest_name: String,
    pub requester: String,
    pub state: OperationState,
    pub steps: Vec<Step>,
    pub log: Vec<LogLine>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    pub can_cancel: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum OperationState {
    Running,
    Undoing {
        reason: String,
    },
    Done,
    /// Failed and undone.
    Failed {
        reason: String,
    },
    Cancelled,
}

impl OperationState {
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Failed { .. } | Self::Cancelled)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    pub state: StepState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    Running,
    Done,
    Failed,
    Undone,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: i64,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    pub agent: AgentLink,
    pub profile: String,
    pub memory_total_mib: u32,
    pub memory_available_mib: u32,
    pub cores: u32,
    pub disk_total_mib: u64,
    pub disk_free_mib: u64,
    pub walls: Vec<Wall>,
    pub memory_promised_mib: u64,
    pub disk_promised_mib: u64,
    pub disk_promisable_mib: u64,
    pub guests_running: u32,
    pub checks: Vec<Check>,
}

/// A limit of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub state: CheckState,
    pub detail: String,
}

/// Whether it is high enough for many guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CheckState {
    Enough,
    TooLow { fix: String },
    There,
    Missing { fix: String },
    Right,
    Wrong { fix: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "link")]
pub enum AgentLink {
    Here,
    Away { since: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    pub name: String,
    pub state: WallState,
}

/// Something has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// To go on after it.
    pub id: String,
    #[serde(flatten)]
    pub topic: Topic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "topic", content = "id", from = "Named")]
pub enum Topic {
    Guest(GuestId),
    Operation(OperationId),
    People,
    Host,
    Announcement,
    /// Some changes were missed: everything may have changed.
    Everything,
    /// One that only a newer panel knows.
    Other,
}

#[derive(Deserialize)]
struct Named {
    topic: String,
    #[serde(default)]
    id: Option<String>,
}

impl From<Named> for Topic {
    fn from(Named { topic, id }: Named) -> Self {
        let id = id.as_deref();
        match topic.as_str() {
            "guest" => id.and_then(|id| id.parse().ok()).map_or(Self::Other, Self::Guest),
            "operation" => id.and_then(|id| id.parse().ok()).map_or(Self::Other, Self::Operation),
            "people" => Self::People,
            "host" => Self::Host,
            "announcement" => Self::Announcement,
            "everything" => Self::Everything,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_of_a_newer_panel_is_still_a_guest() {
        let json = r#"{"id":"0190b6f0-0000-7000-8000-000000000001","name":"web-1","note":"","owner":"0190b6f0-0000-7000-8000-000000000002",
            "owner_name":"ada","image":"tiny-1","kernel":"debian-6.1.176","memory":64,"disk":256,"disk_kind":"cow","restart_policy":"never",
            "autostart":true,"mode":"fast","clock":"real","network":"bridge","limits":{"cpu_weight":100},"address":"10.77.0.2","said":[],
            "wanted":{"wanted":"running"},"seen":{"seen":"running","since":5},"generation":{"epoch":1,"number":2},"waiting":null,
            "created_at":1,"etag":"5e","operation":null,"colour":"green"}"#;
        let guest: Guest = serde_json::from_str(json).expect("a guest");
        assert!(guest.is_running());
        assert_eq!(guest.badge(), Badge::Running);
    }

    #[test]
    fn events_name_what_changed() {
        let topic = |json| serde_json::from_str::<Topic>(json).expect(json);
        let guest = topic(r#"{"topic":"guest","id":"0190b6f0-0000-7000-8000-000000000001"}"#);
        assert!(matches!(guest, Topic::Guest(_)));
        assert_eq!(topic(r#"{"topic":"host"}"#), Topic::Host);
        assert_eq!(topic(r#"{"topic":"weather"}"#), Topic::Other);
        assert_eq!(topic(r#"{"topic":"weather","id":"here"}"#), Topic::Other);
    }

    #[test]
    fn an_untouched_form_is_a_draft() {
        let json = r#"{"suggested_name":"guest-1","images":[{"id":"tiny-1","title":"Tiny","description":"","kind":"disk","sizes":[64,256],"suggested_memory":64}],
            "kernels":[{"id":"debian-6.1.176","version":"6.1","origin":"Debian","is_default":true,"refused":null,"features":{},
            "modes":[{"value":"strict","refused":null}],"clocks":[],"networks":[]}],"disks":[64,128,256,512],"memory_available_mib":1,"disk_free_mib":1}"#;
        let form: GuestForm = serde_json::from_str(json).expect("a form");
        assert!(umbel_guest::GuestSpec::check(&form.suggested()).is_ok());
        assert_eq!((form.suggested().disk_mib, form.suggested().disk_kind), (256, DiskKind::Cow));

        let tree: GuestForm = serde_json::from_str(&json.replace("\"disk\"", "\"host_tree\"")).expect("a form");
        assert_eq!((tree.suggested().disk_kind, tree.disk_image()), (DiskKind::Memory, None));
    }
}
