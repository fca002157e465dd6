//! What a kernel can do, and what may therefore be asked of a guest that runs it.

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, FieldErrors};
use crate::spec::{Attachment, Clock, KernelMode};

/// Where a kernel came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KernelOrigin {
    /// The distribution's package, found on the machine.
    Machine,
    /// Ours, built from the distribution's source by `make kernel`.
    Built,
    /// Put in by an administrator: an ELF file, or a Debian package of another release.
    Uploaded,
}

impl KernelOrigin {
    pub fn words(self) -> &'static str {
        match self {
            Self::Machine => "the distribution's package",
            Self::Built => "built for Umbel",
            Self::Uploaded => "uploaded",
        }
    }
}

/// What a kernel was found to be able to, by asking it (`--showconfig`) in a jail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct KernelFeatures {
    /// Always [`KernelMode::Strict`], first; [`KernelMode::Fast`] where kernel and host have it.
    pub modes: Vec<KernelMode>,
    /// The vector network driver: `vec0=`, a tap by name or descriptor.
    pub vector: bool,
    /// The older driver `eth0=tuntap`.
    pub tuntap: bool,
    /// The older driver `eth0=vde`.
    pub vde: bool,
    pub hostfs: bool,
    /// Copy-on-write disks.
    pub cow: bool,
    pub time_travel: bool,
    /// `ip=` on the command line.
    pub ip_config: bool,
    /// File systems that are built in, by the names of /proc/filesystems.
    pub file_systems: Vec<String>,
}

impl KernelFeatures {
    /// Whether a guest may be had like this; every field that asks for too much is named.
    pub fn check(&self, mode: KernelMode, clock: Clock, network: Attachment) -> Result<(), FieldErrors> {
        let mut wrong = FieldErrors::default();
        let mut refuse = |field: &str, message: &str| wrong.0.push(FieldError::new(field, message));
        if !self.modes.contains(&mode) {
            refuse("mode", "This kernel has no fast mode. Choose strict.");
        }
        if clock == Clock::TimeTravel && !self.time_travel {
            refuse("clock", "This kernel can't travel in time. Choose the real clock.");
        }
        let has_card = match network {
            Attachment::None => true,
            Attachment::Bridge => self.vector || self.tuntap,
            Attachment::Switch => self.vector,
        };
        if !has_card {
            refuse("network", "This kernel has no driver for it. Choose none.");
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_can_not_is_refused_by_field() {
        let old = KernelFeatures { modes: vec![KernelMode::Strict], tuntap: true, ..KernelFeatures::default() };
        assert_eq!(old.check(KernelMode::Strict, Clock::Real, Attachment::Bridge), Ok(()));
        let errors = old.check(KernelMode::Fast, Clock::TimeTravel, Attachment::Switch).expect_err("too much");
        for field in ["mode", "clock", "network"] {
            assert_eq!(errors.of(field).count(), 1, "{field} in {errors}");
        }
    }
}
