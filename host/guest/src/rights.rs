//! Who may do what: one table for pages, API and consoles. Compiled into server and browser, so that a
//! button is disabled for the very reason for which the server would refuse.
//!
//! What may not be seen at all isn't refused by these words: it is answered as if it weren't there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Refused};
use crate::field::FieldError;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Administrator,
    /// Support: looks at everybody's guests and starts and stops them.
    Operator,
    /// A user with a teacher's quota. Whom somebody teaches, groups say.
    Teacher,
    User,
}

impl Role {
    /// The one with the fewest rights first.
    pub const ALL: [Self; 4] = [Self::User, Self::Teacher, Self::Operator, Self::Administrator];

    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Teacher => "teacher",
            Self::User => "user",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Administrator => "administrators",
            Self::Operator => "operators",
            Self::Teacher => "teachers",
            Self::User => "users",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| FieldError::new("role", "A role is user, teacher, operator or administrator."))
    }
}

/// What may be done with one guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GuestRight {
    /// That it is there, its state, its settings, what it uses and what was done to it.
    View,
    ReadConsole,
    /// Keys into its console, those of the magic SysRq included.
    TypeConsole,
    Power,
    Settings,
    /// Also to take that back, and to purge.
    Delete,
    /// Ports of the host that lead to it.
    Forwards,
    /// To give others rights on it.
    Share,
}

impl GuestRight {
    pub const ALL: [Self; 8] = [
        Self::View,
        Self::ReadConsole,
        Self::TypeConsole,
        Self::Power,
        Self::Settings,
        Self::Delete,
        Self::Forwards,
        Self::Share,
    ];

    /// Those that an owner can give to somebody else.
    pub const SHAREABLE: [Self; 5] = [Self::View, Self::ReadConsole, Self::TypeConsole, Self::Power, Self::Settings];

    /// As rows, forms and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::ReadConsole => "read_console",
            Self::TypeConsole => "type_console",
            Self::Power => "power",
            Self::Settings => "settings",
            Self::Delete => "delete",
            Self::Forwards => "forwards",
            Self::Share => "share",
        }
    }

    /// After “may”.
    pub fn words(self) -> &'static str {
        match self {
            Self::View => "see this guest",
            Self::ReadConsole => "read its console",
            Self::TypeConsole => "type into its console",
            Self::Power => "start and stop it",
            Self::Settings => "change its settings",
            Self::Delete => "delete it",
            Self::Forwards => "lead ports to it",
            Self::Share => "share it",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What may be done with the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelRight {
    ManagePeople,
    /// To make groups, and to say who is in them and as what.
    ManageGroups,
    /// Who did what: everybody's.
    ReadAudit,
    /// The machine, its walls, what all guests together use, and the doctor's page.
    SeeHost,
    ManageKernels,
    ManageImages,
    /// To set them, and to decide about wishes for more.
    ManageQuotas,
    /// Guests that were run by hand.
    AdoptGuests,
    CreateGuests,
    /// Everybody's, and that they are there.
    SeeAllGuests,
    SeeAllNetworks,
    SeeAllOperations,
    /// Figures of everybody's guests together, without names.
    ReadMetrics,
    /// To tell everybody something on every page.
    Announce,
    /// Where events are sent.
    ManageWebhooks,
}

impl PanelRight {
    pub const ALL: [Self; 15] = [
        Self::ManagePeople,
        Self::ManageGroups,
        Self::ReadAudit,
        Self::SeeHost,
        Self::ManageKernels,
        Self::ManageImages,
        Self::ManageQuotas,
        Self::AdoptGuests,
        Self::CreateGuests,
        Self::SeeAllGuests,
        Self::SeeAllNetworks,
        Self::SeeAllOperations,
        Self::ReadMetrics,
        Self::Announce,
        Self::ManageWebhooks,
    ];

    /// After “may”.
    fn words(self) -> &'static str {
        match self {
            Self::ManagePeople => "manage people",
            Self::ManageGroups => "manage groups",
            Self::ReadAudit => "read the audit",
            Self::SeeHost => "see the host",
            Self::ManageKernels => "manage kernels",
            Self::ManageImages => "manage images",
            Self::ManageQuotas => "set quotas",
            Self::AdoptGuests => "adopt guests",
            Self::CreateGuests => "make guests",
            Self::SeeAllGuests => "see everybody's guests",
            Self::SeeAllNetworks => "see everybody's networks",
            Self::SeeAllOperations => "see everybody's activity",
            Self::ReadMetrics => "read the metrics",
            Self::Announce => "announce something",
            Self::ManageWebhooks => "manage webhooks",
        }
    }
}

/// Single rights that somebody was given on a guest. To see it is always one of them, and whoever
/// types also reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<GuestRight>", into = "Vec<GuestRight>")]
pub struct Shares(u8);

impl Shares {
    /// Refused where one of them can't be given away.
    pub fn of(rights: impl IntoIterator<Item = GuestRight>) -> Result<Self, FieldError> {
        let mut bits = GuestRight::View.bit();
        for right in rights {
            if !GuestRight::SHAREABLE.contains(&right) {
                return Err(FieldError::new("rights", format!("The right to {} can't be shared.", right.words())));
            }
            bits |= right.bit();
            if right == GuestRight::TypeConsole {
                bits |= GuestRight::ReadConsole.bit();
            }
        }
        Ok(Self(bits))
    }

    pub fn has(self, right: GuestRight) -> bool {
        self.0 & right.bit() != 0
    }

    pub fn rights(self) -> impl Iterator<Item = GuestRight> {
        GuestRight::SHAREABLE.into_iter().filter(move |right| self.has(*right))
    }
}

/// Words with a blank between two, as rows have them.
impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, right) in self.rights().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { " " }, right.word())?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Shares {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let right = |word: &str| {
            let found = GuestRight::ALL.into_iter().find(|right| right.word() == word);
            found.ok_or_else(|| FieldError::new("rights", format!("There is no right {word}.")))
        };
        Self::of(text.split_whitespace().map(right).collect::<Result<Vec<_>, _>>()?)
    }
}

impl TryFrom<Vec<GuestRight>> for Shares {
    type Error = FieldError;

    fn try_from(rights: Vec<GuestRight>) -> Result<Self, FieldError> {
        Self::of(rights)
    }
}

impl From<Shares> for Vec<GuestRight> {
    fn from(shares: Shares) -> Self {
        shares.rights().collect()
    }
}

/// What somebody is to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    Owner,
    /// It was shared with them.
    Shared(Shares),
    /// They manage a group that its owner is a member of; and it may be shared with them besides.
    Managed(Option<Shares>),
    /// It is a group's, and they are in it; and it may be shared with them besides. Who manages the group stands to it
    /// as an owner.
    Member(Option<Shares>),
    Stranger,
}

impl Relation {
    /// What the owner gave them.
    pub fn shares(self) -> Option<Shares> {
        match self {
            Self::Shared(shares) => Some(shares),
            Self::Managed(shares) | Self::Member(shares) => shares,
            Self::Owner | Self::Stranger => None,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// On a guest to which one stands like that.
    Guest(Relation, GuestRight),
    Panel(PanelRight),
}

/// The table. Every question of what somebody may do is answered here and nowhere else.
pub fn allowed(role: Role, right: Right) -> Result<(), Denied> {
    match right {
        Right::Guest(relation, right) if by_relation(relation, right) || by_role(role, right) => Ok(()),
        Right::Guest(_, right) => Err(Denied::Guest(right)),
        Right::Panel(right) if on_panel(role, right) => Ok(()),
        Right::Panel(right) => Err(Denied::Panel(right)),
    }
}

fn by_relation(relation: Relation, right: GuestRight) -> bool {
    match relation {
        Relation::Owner => true,
        Relation::Shared(shares) => shares.has(right),
        Relation::Managed(shares) => by_group(right) || shares.is_some_and(|shares| shares.has(right)),
        Relation::Member(shares) => by_membership(right) || shares.is_some_and(|shares| shares.has(right)),
        Relation::Stranger => false,
    }
}

/// Of whoever manages a group on its members' guests: to look over a shoulder, and to help when one hangs.
fn by_group(right: GuestRight) -> bool {
    matches!(right, GuestRight::View | GuestRight::ReadConsole | GuestRight::Power)
}

/// Of whoever is in a group on the group's own guests: to use them, not to make something else of them.
fn by_membership(right: GuestRight) -> bool {
    by_group(right) || right == GuestRight::TypeConsole
}

/// On everybody's guests.
fn by_role(role: Role, right: GuestRight) -> bool {
    match role {
        Role::Administrator => true,
        Role::Operator => matches!(right, GuestRight::View | GuestRight::ReadConsole | GuestRight::Power),
        Role::Teacher | Role::User => false,
    }
}

fn on_panel(role: Role, right: PanelRight) -> bool {
    match (role, right) {
        (Role::Administrator, _) | (_, PanelRight::CreateGuests) => true,
        (Role::Operator, right) => {
            matches!(
                right,
                PanelRight::SeeAllGuests
                    | PanelRight::SeeAllNetworks
                    | PanelRight::SeeAllOperations
                    | PanelRight::ReadMetrics
            )
        }
        (Role::Teacher | Role::User, _) => false,
    }
}

/// What was asked for is not the asker's to do; in words, who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denied {
    Guest(GuestRight),
    Panel(PanelRight),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut who = Vec::new();
        let what = match *self {
            Self::Guest(right) => {
                who.push("its owner");
                if GuestRight::SHAREABLE.contains(&right) {
                    who.push("those with whom that is shared");
                }
                if by_membership(right) {
                    who.push("members of the group that owns it");
                }
                if by_group(right) {
                    who.push("managers of its owner's groups");
                }
                who.extend(Role::ALL.into_iter().filter(|role| by_role(*role, right)).map(Role::plural));
                right.words()
            }
            Self::Panel(right) => {
                who.extend(Role::ALL.into_iter().filter(|role| on_panel(*role, right)).map(Role::plural));
                right.words()
            }
        };
        match who.split_last() {
            Some((last, [])) => write!(f, "Only {last} may {what}."),
            Some((last, others)) => write!(f, "Only {} and {last} may {what}.", others.join(", ")),
            None => write!(f, "Nobody may {what}."),
        }
    }
}

impl std::error::Error for Denied {}

/// How somebody stands to one guest: all that decides what they may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Access {
    pub role: Role,
    pub relation: Relation,
}

impl Access {
    pub fn may(self, right: GuestRight) -> Result<(), Denied> {
        allowed(self.role, Right::Guest(self.relation, right))
    }
}

/// Why somebody can't ask something of a guest now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MayNot {
    /// It isn't theirs to do.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It can't be done in the state that the guest is in.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Action {
    /// The right that it takes.
    pub fn right(self) -> GuestRight {
        match self {
            Self::Start | Self::ShutDown | Self::Kill | Self::Restart | Self::Pause | Self::Resume => GuestRight::Power,
            // A shell as root without a password is more than the power switch.
            Self::StartShell | Self::Change | Self::Limit | Self::Rename => GuestRight::Settings,
            // So is root: whoever may become it could write over the disk all the same.
            Self::Reset | Self::Snapshot => GuestRight::Settings,
            Self::Delete | Self::Undelete | Self::Purge => GuestRight::Delete,
            Self::ReadConsole => GuestRight::ReadConsole,
            Self::TypeConsole => GuestRight::TypeConsole,
        }
    }
}

#[cfg(test)]
mod tests {
    use GuestRight::*;

    use super::*;

    /// For each right on a guest: may an administrator, operator, teacher, user to whom it is nothing;
    /// can it be shared, may who manages a group of its owner, and may who is in the group that owns it. Owners may
    /// everything.
    const ON_GUESTS: [(GuestRight, [bool; 4], bool, bool, bool); 8] = [
        (View, [true, true, false, false], true, true, true),
        (ReadConsole, [true, true, false, false], true, true, true),
        (TypeConsole, [true, false, false, false], true, false, true),
        (Power, [true, true, false, false], true, true, true),
        (Settings, [true, false, false, false], true, false, false),
        (Delete, [true, false, false, false], false, false, false),
        (Forwards, [true, false, false, false], false, false, false),
        (Share, [true, false, false, false], false, false, false),
    ];

    /// For each right on the panel: may an administrator, operator, teacher, user.
    const ON_PANEL: [(PanelRight, [bool; 4]); 15] = [
        (PanelRight::ManagePeople, [true, false, false, false]),
        (PanelRight::ManageGroups, [true, false, false, false]),
        (PanelRight::ReadAudit, [true, false, false, false]),
        (PanelRight::SeeHost, [true, false, false, false]),
        (PanelRight::ManageKernels, [true, false, false, false]),
        (PanelRight::ManageImages, [true, false, false, false]),
        (PanelRight::ManageQuotas, [true, false, false, false]),
        (PanelRight::AdoptGuests, [true, false, false, false]),
        (PanelRight::CreateGuests, [true, true, true, true]),
        (PanelRight::SeeAllGuests, [true, true, false, false]),
        (PanelRight::SeeAllNetworks, [true, true, false, false]),
        (PanelRight::SeeAllOperations, [true, true, false, false]),
        (PanelRight::ReadMetrics, [true, true, false, false]),
        (PanelRight::Announce, [true, false, false, false]),
        (PanelRight::ManageWebhooks, [true, false, false, false]),
    ];

    const ROLES: [Role; 4] = [Role::Administrator, Role::Operator, Role::Teacher, Role::User];

    /// Every set of rights that can be given away.
    fn every_share() -> Vec<Shares> {
        let of = |bits: u32| GuestRight::SHAREABLE.into_iter().enumerate().filter(move |(i, _)| bits & (1 << i) != 0);
        (0..1 << GuestRight::SHAREABLE.len())
            .map(|bits| Shares::of(of(bits).map(|(_, right)| right)).expect("all of them are"))
            .collect()
    }

    #[test]
    fn the_table_names_every_right() {
        assert_eq!(ON_GUESTS.map(|(right, ..)| right), GuestRight::ALL);
        assert_eq!(ON_PANEL.map(|(right, _)| right), PanelRight::ALL);
        assert_eq!(GuestRight::ALL.map(|r| ON_GUESTS[r as usize].2).iter().filter(|s| **s).count(), 5);
    }

    #[test]
    fn every_role_relation_and_right_on_a_guest() {
        for (right, by_role, shareable, by_manager, by_member) in ON_GUESTS {
            for (role, may) in ROLES.into_iter().zip(by_role) {
                let asked = |relation| allowed(role, Right::Guest(relation, right));
                assert_eq!(asked(Relation::Owner), Ok(()), "{role:?}, {right:?}");
                let stranger = if may { Ok(()) } else { Err(Denied::Guest(right)) };
                assert_eq!(asked(Relation::Stranger), stranger, "{role:?}, {right:?}");
                for shares in every_share() {
                    let may = may || (shareable && shares.has(right));
                    let shared = if may { Ok(()) } else { Err(Denied::Guest(right)) };
                    assert_eq!(asked(Relation::Shared(shares)), shared, "{role:?}, {shares:?}, {right:?}");
                    let managed = if by_manager { Ok(()) } else { shared };
                    assert_eq!(asked(Relation::Managed(Some(shares))), managed, "{role:?}, {shares:?}, {right:?}");
                    let member = if by_member { Ok(()) } else { shared };
                    assert_eq!(asked(Relation::Member(Some(shares))), member, "{role:?}, {shares:?}, {right:?}");
                }
                let managed = if by_manager { Ok(()) } else { stranger };
                assert_eq!(asked(Relation::Managed(None)), managed, "{role:?}, {right:?}");
                let member = if by_member { Ok(()) } else { stranger };
                assert_eq!(asked(Relation::Member(None)), member, "{role:?}, {right:?}");
            }
        }
    }

    #[test]
    fn every_role_and_right_on_the_panel() {
        for (right, by_role) in ON_PANEL {
            for (role, may) in ROLES.into_iter().zip(by_role) {
                let answer = if may { Ok(()) } else { Err(Denied::Panel(right)) };
                assert_eq!(allowed(role, Right::Panel(right)), answer, "{role:?}, {right:?}");
            }
        }
    }

    #[test]
    fn whoever_was_given_anything_sees_and_whoever_types_reads() {
        for shares in every_share() {
            assert!(shares.has(View) && (!shares.has(TypeConsole) || shares.has(ReadConsole)), "{shares:?}");
            let text = serde_json::to_string(&shares).expect("plain data");
            assert_eq!(serde_json::from_str::<Shares>(&text).expect("what was written"), shares);
            assert_eq!(shares.to_string().parse(), Ok(shares));
        }
        for right in [Delete, Forwards, Share] {
            let text = format!("[\"{}\"]", right.word());
            assert!(Shares::of([right]).is_err() && serde_json::from_str::<Shares>(&text).is_err(), "{right:?}");
        }
    }

    #[test]
    fn a_denial_says_who_may() {
        for (denied, words) in [
            (Denied::Panel(PanelRight::ManagePeople), "Only administrators may manage people."),
            (Denied::Panel(PanelRight::SeeAllGuests), "Only operators and administrators may see everybody's guests."),
            (Denied::Guest(Delete), "Only its owner and administrators may delete it."),
            (
                Denied::Guest(TypeConsole),
                "Only its owner, those with whom that is shared, members of the group that owns it and administrators may \
                 type into its console.",
            ),
        ] {
            assert_eq!(denied.to_string(), words);
        }
    }

    #[test]
    fn words_are_those_of_the_wire() {
        for right in GuestRight::ALL {
            assert_eq!(serde_json::to_string(&right).expect("a word"), format!("\"{}\"", right.word()));
        }
        for role in Role::ALL {
            assert_eq!(serde_json::to_string(&role).expect("a word"), format!("\"{}\"", role.word()));
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert!("king".parse::<Role>().is_err());
    }
}
