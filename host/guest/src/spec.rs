//! What a guest is made of: a draft as a form or the API sends it, and the spec it becomes once
//! every field has been checked.

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, FieldErrors};
use crate::id::{GroupId, ImageId, KernelId};
use crate::limits::Limits;
use crate::name::{GuestName, Note};
use crate::setup::SetupDraft;
use crate::size::{DiskSize, Memory};

/// How a guest's disk keeps what the guest writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DiskKind {
    /// A copy-on-write child of the image's base: made at once, holds only what changed.
    #[default]
    Cow,
    /// A full sparse copy, attached with the ubd flag `d`.
    Plain,
    /// No disk: what the guest writes lies in its memory and is gone when it stops. For the host's own
    /// files as a root, which are read-only.
    Memory,
}

/// What a guest's root is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// A file system of its own, on a disk.
    #[default]
    Disk,
    /// The host's own files, read-only, as far as its administrator shows them. It has [`DiskKind::Memory`].
    HostTree,
}

/// How the kernel runs the guest's programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KernelMode {
    /// Each system call is caught with ptrace(2); programs of the guest can't reach the guest's kernel.
    /// Every kernel has it.
    #[default]
    Strict,
    /// Caught with seccomp(2) (`seccomp=on`): quicker, but any program of the guest can reach all of the
    /// guest's memory. The walls around the guest are the same.
    Fast,
}

/// What time a guest sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    #[default]
    Real,
    /// Idle time passes at once (`time-travel`): a sleep of a day takes no time, and the guest's clock
    /// soon has nothing to do with ours.
    TimeTravel,
}

/// What a guest's network card is plugged into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    #[default]
    None,
    /// The owner's own bridge: an address, a way out, forwarded ports. Needs an agent that is root.
    Bridge,
    /// The owner's own vde_switch: the owner's guests among one another, and nobody else.
    Switch,
}

/// What the next start boots into; only for that one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Boot {
    #[default]
    Normal,
    /// A shell instead of init, for an owner who has lost the password.
    Shell,
}

/// What the reconciler does about a guest that crashed. A guest's own power-off always means stopped
/// (unless the policy is `Always`), its own reboot always means running again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    #[default]
    Never,
    /// Again after a crash, waiting longer each time.
    OnFailure,
    /// Again after any end that nobody asked for.
    Always,
}

macro_rules! words {
    ($type:ident, $field:literal, $($word:literal => $variant:ident),+) => {
        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = FieldError;

            fn from_str(text: &str) -> Result<Self, FieldError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(FieldError::new($field, concat!("Must be one of:", $(" ", $word),+, "."))),
                }
            }
        }
    };
}

words!(DiskKind, "disk_kind", "cow" => Cow, "plain" => Plain, "memory" => Memory);
words!(KernelMode, "mode", "strict" => Strict, "fast" => Fast);
words!(Clock, "clock", "real" => Real, "time_travel" => TimeTravel);
words!(Attachment, "network", "none" => None, "bridge" => Bridge, "switch" => Switch);
words!(Boot, "boot", "normal" => Normal, "shell" => Shell);
words!(RestartPolicy, "restart_policy", "never" => Never, "on_failure" => OnFailure, "always" => Always);

/// A guest as somebody asked for it, not yet checked. Field names are those of the form and the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GuestDraft {
    pub name: String,
    /// Whose it is to be; nobody's here, its own of whoever asks. For those who manage the group.
    #[serde(default)]
    pub group: Option<GroupId>,
    #[serde(default)]
    pub note: String,
    pub image: String,
    pub kernel: String,
    pub memory_mib: u32,
    pub disk_mib: u32,
    #[serde(default)]
    pub disk_kind: DiskKind,
    #[serde(default)]
    pub restart_policy: RestartPolicy,
    /// Started again with the host, if it ran.
    #[serde(default = "yes")]
    pub autostart: bool,
    #[serde(default)]
    pub mode: KernelMode,
    #[serde(default)]
    pub clock: Clock,
    #[serde(default)]
    pub network: Attachment,
    #[serde(default)]
    pub limits: Limits,
    /// What it is told at its first start.
    #[serde(default)]
    pub setup: SetupDraft,
}

fn yes() -> bool {
    true
}

impl Default for GuestDraft {
    /// Empty, as a form before anything was typed; what has a sensible value has it.
    fn default() -> Self {
        Self {
            name: String::new(),
            group: None,
            note: String::new(),
            image: String::new(),
            kernel: String::new(),
            memory_mib: 0,
            disk_mib: 0,
            disk_kind: DiskKind::default(),
            restart_policy: RestartPolicy::default(),
            autostart: true,
            mode: KernelMode::default(),
            clock: Clock::default(),
            network: Attachment::default(),
            limits: Limits::default(),
            setup: SetupDraft::default(),
        }
    }
}

/// A guest that may be made, as far as its fields alone can tell: whether image and kernel exist
/// and the host has room is the server's to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSpec {
    pub name: GuestName,
    pub note: Note,
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
}

impl GuestSpec {
    /// Checks every field and reports all that is wrong at once.
    pub fn check(draft: &GuestDraft) -> Result<Self, FieldErrors> {
        let mut wrong = FieldErrors::default();
        let name = wrong.take(draft.name.parse());
        let note = wrong.take(draft.note.parse());
        let image = wrong.take(draft.image.parse().map_err(|_| FieldError::new("image", "Choose an image.")));
        let kernel = wrong.take(draft.kernel.parse().map_err(|_| FieldError::new("kernel", "Choose a kernel.")));
        let memory = wrong.take(Memory::from_mib(draft.memory_mib));
        let disk = wrong.take(DiskSize::from_mib(draft.disk_mib));
        let limits = wrong.take_all(draft.limits.check());
        let (Some(name), Some(note), Some(image), Some(kernel), Some(memory), Some(disk), Some(limits)) =
            (name, note, image, kernel, memory, disk, limits)
        else {
            return Err(wrong);
        };
        let GuestDraft { disk_kind, restart_policy, autostart, mode, clock, network, .. } = *draft;
        Ok(Self {
            name,
            note,
            image,
            kernel,
            memory,
            disk,
            disk_kind,
            restart_policy,
            autostart,
            mode,
            clock,
            network,
            limits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> GuestDraft {
        GuestDraft {
            name: "web-1".into(),
            image: "tiny-1".into(),
            kernel: "debian-6.1.176".into(),
            memory_mib: 64,
            disk_mib: 256,
            ..GuestDraft::default()
        }
    }

    #[test]
    fn a_sensible_draft_is_a_spec() {
        assert_eq!(GuestSpec::check(&draft()).expect("sensible").name.as_str(), "web-1");
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = GuestDraft { image: "../etc".into(), ..GuestDraft::default() };
        let errors = GuestSpec::check(&wrong).expect_err("nothing is right");
        for field in ["name", "image", "kernel", "memory_mib", "disk_mib"] {
            assert_eq!(errors.of(field).count(), 1, "{field} in {errors}");
        }
        assert_eq!(errors.of("note").count(), 0);
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(
            serde_json::from_str::<GuestDraft>(
                r#"{"name":"a","image":"b","kernel":"c","memory_mib":64,"disk_mib":64,"argv":"x"}"#
            )
            .is_err()
        );
    }
}
