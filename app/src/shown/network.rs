use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use umbel_guest::state::Badge;
use umbel_guest::{Access, AccountId, Attachment, GuestId, GuestName, HostNumber, NetworkId};

/// The network of a person or a group on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NetworkShown {
    pub id: NetworkId,
    pub owner: AccountId,
    pub owner_name: String,
    /// How the one who asks stands to the guests in it.
    pub access: Access,
    /// For example `10.77.3.0/24`; `None` until the host has made it.
    pub subnet: Option<String>,
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, format = "ipv4"))]
    pub gateway: Option<Ipv4Addr>,
    /// Whether there is a bridge with a way out; a switch there is always.
    pub has_bridge: bool,
    /// By number.
    pub guests: Vec<NetworkGuest>,
    /// By port of the host.
    pub forwards: Vec<ForwardShown>,
}

/// A guest's place in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NetworkGuest {
    pub id: GuestId,
    pub name: GuestName,
    pub attachment: Attachment,
    pub number: HostNumber,
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, format = "ipv4"))]
    pub address: Option<Ipv4Addr>,
    pub mac: String,
    pub badge: Badge,
}

/// A TCP port of the host that leads to a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ForwardShown {
    pub host_port: u16,
    pub guest: GuestId,
    pub guest_name: GuestName,
    pub guest_port: u16,
    /// Whether the guest is plugged into a bridge now; a port leads nowhere without.
    pub leads: bool,
}

/// A port that is asked for; without a port of the host, the first free one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ForwardDraft {
    pub guest: GuestId,
    #[cfg_attr(feature = "ssr", schema(minimum = 1, maximum = 65535))]
    pub guest_port: u16,
    #[cfg_attr(feature = "ssr", schema(minimum = 20000, maximum = 29999))]
    #[serde(default)]
    pub host_port: Option<u16>,
}
