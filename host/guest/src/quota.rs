//! What an account may have in all: kinds of quota, what a guest holds of each, which limit holds and
//! why, and the words of a refusal. Pure, and compiled into server and browser.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::NET_MBIT;
use crate::size;
use crate::spec::{Attachment, DiskKind, GuestSpec};
use crate::state::{Seen, Wanted};

/// What is counted of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", schema(as = QuotaKind))]
pub enum Kind {
    /// Guests that are there, deleted ones too as long as they can be taken back.
    Guests,
    /// Guests that run, are wanted to, or are about to be asked to.
    Running,
    /// Memory of those.
    Memory,
    /// Their shares of the processors.
    CpuWeight,
    /// Sizes of disks and volumes, whatever of them is written.
    Disk,
    /// Cards on the bridge.
    Taps,
    /// What running guests may send and receive over those.
    Bandwidth,
    /// Ports of the host that lead to guests.
    Ports,
    /// Copies of guests' disks that somebody keeps; those that undo a reset for an hour don't count.
    Snapshots,
}

/// In what a kind is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Pieces,
    Mib,
    /// Mbit/s, in each direction.
    Mbit,
}

impl Unit {
    /// Behind a number; pieces have none.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Pieces => None,
            Self::Mib => Some("MiB"),
            Self::Mbit => Some("Mbit/s"),
        }
    }
}

/// The units of [`Kind`], for whoever writes a number.
pub const UNITS: &str = "Memory and disk in MiB, bandwidth in Mbit/s.";

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Guests,
        Self::Running,
        Self::Memory,
        Self::CpuWeight,
        Self::Disk,
        Self::Taps,
        Self::Bandwidth,
        Self::Ports,
        Self::Snapshots,
    ];
    /// What are rows of their own, each a guest's.
    pub const OF_ROWS: [Self; 2] = [Self::Ports, Self::Snapshots];

    /// What follows from a guest's row alone.
    pub fn of_guests() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| !Self::OF_ROWS.contains(kind))
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Guests => "guests",
            Self::Running => "running",
            Self::Memory => "memory",
            Self::CpuWeight => "cpu_weight",
            Self::Disk => "disk",
            Self::Taps => "taps",
            Self::Bandwidth => "bandwidth",
            Self::Ports => "ports",
            Self::Snapshots => "snapshots",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Guests => "Guests",
            Self::Running => "Running guests",
            Self::Memory => "Memory of running guests",
            Self::CpuWeight => "CPU weight of running guests",
            Self::Disk => "Disk",
            Self::Taps => "Guests on the bridge",
            Self::Bandwidth => "Bandwidth of running guests",
            Self::Ports => "Forwarded ports",
            Self::Snapshots => "Snapshots",
        }
    }

    pub fn unit(self) -> Unit {
        match self {
            Self::Memory | Self::Disk => Unit::Mib,
            Self::Bandwidth => Unit::Mbit,
            Self::Guests | Self::Running | Self::CpuWeight | Self::Taps | Self::Ports | Self::Snapshots => Unit::Pieces,
        }
    }

    /// An amount of it with its unit, as people say it.
    pub fn amount(self, amount: u64) -> String {
        match self.unit() {
            Unit::Pieces => amount.to_string(),
            Unit::Mbit => format!("{amount} Mbit/s"),
            // The larger unit where one fits.
            Unit::Mib => u32::try_from(amount).map_or_else(|_| format!("{} GiB", amount >> 10), size::in_words),
        }
    }

    /// An amount that somebody wrote.
    pub fn read(text: &str) -> Option<u64> {
        text.trim().parse().ok().filter(|&amount| amount <= MOST)
    }
}

/// No limit is higher, so that no sum of amounts leaves a BIGINT.
pub const MOST: u64 = 1 << 40;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no kind's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no quota of that kind")]
pub struct NoKind;

impl std::str::FromStr for Kind {
    type Err = NoKind;

    fn from_str(text: &str) -> Result<Self, NoKind> {
        Self::ALL.into_iter().find(|kind| kind.word() == text).ok_or(NoKind)
    }
}

/// So much of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts([u64; Kind::ALL.len()]);

impl Amounts {
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    #[must_use]
    pub fn with(mut self, kind: Kind, amount: u64) -> Self {
        self.0[kind as usize] = amount;
        self
    }
}

/// Whether a guest counts as one that runs. `coming`: an operation is under way that asks for it to run.
pub fn runs(wanted: &Wanted, seen: &Seen, coming: bool) -> bool {
    coming || *wanted == Wanted::Running || seen.is_alive()
}

/// Mbit/s of a running guest's card. One on the bridge that nobody limits counts as the fastest that can be set; others
/// reach nothing outside.
pub fn bandwidth(network: Attachment, net_mbit: Option<u32>) -> u32 {
    match network {
        Attachment::Bridge => net_mbit.unwrap_or(*NET_MBIT.end()),
        Attachment::None | Attachment::Switch => 0,
    }
}

/// What a guest holds, [`Kind::OF_ROWS`] apart.
pub fn held(spec: &GuestSpec, runs: bool) -> Amounts {
    let if_runs = |amount: u32| if runs { u64::from(amount) } else { 0 };
    let disk = match spec.disk_kind {
        DiskKind::Cow | DiskKind::Plain => u64::from(spec.disk.mib()),
        DiskKind::Memory => 0,
    };
    Amounts::default()
        .with(Kind::Guests, 1)
        .with(Kind::Running, if_runs(1))
        .with(Kind::Memory, if_runs(spec.memory.mib()))
        .with(Kind::CpuWeight, if_runs(spec.limits.cpu_weight))
        .with(Kind::Disk, disk)
        .with(Kind::Taps, u64::from(spec.network == Attachment::Bridge))
        .with(Kind::Bandwidth, if_runs(bandwidth(spec.network, spec.limits.net_mbit)))
}

/// What somebody has said about a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", schema(as = QuotaLimit))]
pub enum Said {
    AtMost(u64),
    /// As much as there is.
    NoLimit,
}

/// Which rule a limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", schema(as = QuotaRule))]
pub enum Rule {
    /// The account, or the group, has one of its own.
    Account,
    /// It is the default of the account's role.
    Role,
    /// It is the default of groups.
    Groups,
    /// Nobody has said anything.
    Nobody,
}

impl Rule {
    pub fn words(self) -> &'static str {
        match self {
            Self::Account => "its own",
            Self::Role => "default of the role",
            Self::Groups => "default of groups",
            Self::Nobody => "nobody has set one",
        }
    }
}

/// The limit that holds, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = QuotaLimitHolding))]
pub struct Limit {
    /// `None` is as much as there is.
    pub most: Option<u64>,
    pub why: Rule,
}

impl Limit {
    /// An account's own word goes before its role's, in either direction.
    pub fn of(own: Option<Said>, role: Option<Said>) -> Self {
        let (said, why) = match (own, role) {
            (Some(own), _) => (own, Rule::Account),
            (None, Some(role)) => (role, Rule::Role),
            (None, None) => (Said::NoLimit, Rule::Nobody),
        };
        let most = match said {
            Said::AtMost(most) => Some(most),
            Said::NoLimit => None,
        };
        Self { most, why }
    }

    /// The same of a group, and of what groups have.
    pub fn of_group(own: Option<Said>, default: Option<Said>) -> Self {
        let limit = Self::of(own, default);
        let why = if limit.why == Rule::Role { Rule::Groups } else { limit.why };
        Self { why, ..limit }
    }
}

/// A limit that does not let something new in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub kind: Kind,
    pub limit: u64,
    pub why: Rule,
    pub used: u64,
    pub asked: u64,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, limit, why, used, asked } = *self;
        let [limit, used, asked] = [limit, used, asked].map(|amount| kind.amount(amount));
        let (title, why) = (kind.title(), why.words());
        write!(f, "{title}: the quota is {limit} ({why}), {used} used, and this asks for {asked} more.")
    }
}

impl std::error::Error for Refused {}

/// How one kind stands with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = QuotaStanding))]
pub struct Standing {
    pub kind: Kind,
    pub used: u64,
    #[serde(flatten)]
    pub limit: Limit,
}

impl Standing {
    /// `None` is as much as there is.
    pub fn left(&self) -> Option<u64> {
        self.limit.most.map(|most| most.saturating_sub(self.used))
    }

    /// Why so much more can't be had; nothing is never refused.
    pub fn check(&self, asked: u64) -> Result<(), Refused> {
        let Self { kind, used, limit } = *self;
        match limit.most {
            Some(most) if asked > 0 && used.saturating_add(asked) > most => {
                Err(Refused { kind, limit: most, why: limit.why, used, asked })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::spec::GuestDraft;

    fn spec(draft: GuestDraft) -> GuestSpec {
        let (image, kernel) = ("tiny-5".into(), "debian-6.1".into());
        let draft = GuestDraft { name: "web".into(), image, kernel, memory_mib: 64, disk_mib: 256, ..draft };
        GuestSpec::check(&draft).expect("sensible")
    }

    #[test]
    fn a_kind_is_found_by_its_word_and_has_a_place_of_its_own() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!((kind.word().parse(), kind as usize), (Ok(kind), place));
            assert_eq!(Amounts::default().with(kind, 3).of(kind), 3);
        }
        assert_eq!("vcpus".parse::<Kind>(), Err(NoKind));
    }

    #[test]
    fn a_guest_holds_memory_from_the_wish_until_its_process_is_gone() {
        let at = |wanted, seen: Seen, coming| held(&spec(GuestDraft::default()), runs(&wanted, &seen, coming));
        let still = at(Wanted::Stopped, Seen::Gone, false);
        assert_eq!((still.of(Kind::Guests), still.of(Kind::Disk), still.of(Kind::Memory)), (1, 256, 0));
        for (wanted, seen, coming) in [
            (Wanted::Running, Seen::Gone, false),
            (Wanted::Stopped, Seen::Stopping, false),
            (Wanted::Deleted { purge_at: 1 }, Seen::Running { since: 0 }, false),
            (Wanted::Stopped, Seen::Gone, true),
        ] {
            let held = at(wanted, seen, coming);
            assert_eq!([Kind::Running, Kind::Memory, Kind::CpuWeight].map(|kind| held.of(kind)), [1, 64, 100]);
        }
    }

    #[test]
    fn what_lies_in_memory_takes_no_disk_and_only_the_bridge_takes_a_tap() {
        let draft = GuestDraft { disk_kind: DiskKind::Memory, network: Attachment::Bridge, ..GuestDraft::default() };
        let held = held(&spec(draft), false);
        assert_eq!((held.of(Kind::Disk), held.of(Kind::Taps)), (0, 1));
        let draft = GuestDraft { network: Attachment::Switch, ..GuestDraft::default() };
        assert_eq!(super::held(&spec(draft), true).of(Kind::Taps), 0);
    }

    #[test]
    fn bandwidth_is_of_guests_that_run_on_the_bridge_and_without_a_limit_the_most_there_is() {
        let held = |network, net_mbit, runs| {
            let limits = Limits { net_mbit, ..Limits::default() };
            held(&spec(GuestDraft { network, limits, ..GuestDraft::default() }), runs).of(Kind::Bandwidth)
        };
        assert_eq!(held(Attachment::Bridge, Some(100), true), 100);
        assert_eq!(held(Attachment::Bridge, None, true), 40_000);
        assert_eq!(held(Attachment::Bridge, Some(100), false), 0);
        assert_eq!(held(Attachment::Switch, Some(100), true), 0);
        assert_eq!(Kind::Bandwidth.amount(100), "100 Mbit/s");
    }

    #[test]
    fn the_sentence_about_units_names_every_kind_that_has_one() {
        let said = UNITS.to_lowercase();
        for kind in Kind::ALL {
            assert_eq!(said.contains(kind.word()), kind.unit().word().is_some(), "{kind}");
        }
        for unit in [Unit::Mib, Unit::Mbit] {
            assert!(UNITS.contains(unit.word().expect("not pieces")), "{unit:?}");
        }
    }

    #[test]
    fn an_accounts_own_limit_goes_before_its_roles_in_either_direction() {
        use Said::{AtMost, NoLimit};
        for (own, role, most, why) in [
            (Some(AtMost(9)), Some(AtMost(5)), Some(9), Rule::Account),
            (Some(AtMost(0)), Some(AtMost(5)), Some(0), Rule::Account),
            (Some(NoLimit), Some(AtMost(5)), None, Rule::Account),
            (None, Some(AtMost(5)), Some(5), Rule::Role),
            (None, None, None, Rule::Nobody),
        ] {
            assert_eq!(Limit::of(own, role), Limit { most, why });
        }
    }

    #[test]
    fn a_refusal_names_kind_limit_use_and_what_was_asked() {
        let standing = Standing { kind: Kind::Memory, used: 960, limit: Limit { most: Some(1024), why: Rule::Role } };
        assert_eq!((standing.check(64), standing.left()), (Ok(()), Some(64)));
        let refused = standing.check(128).expect_err("too much");
        let words = "Memory of running guests: the quota is 1 GiB (default of the role), 960 MiB used, \
                     and this asks for 128 MiB more.";
        assert_eq!(refused.to_string(), words);
        // A limit that was lowered under what is there: nothing new, and nothing is taken away.
        let over = Standing { used: 4096, ..standing };
        assert_eq!((over.left(), over.check(0)), (Some(0), Ok(())));
        assert!(over.check(1).is_err());
    }
}
