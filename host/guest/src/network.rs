//! A person's network as an idea: the number of a guest in it, its card's address, a port led to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::field::FieldError;
use crate::id::GuestId;

/// The end of a script for a guest's first moments: takes name and address from the kernel's command line.
pub const PLACE: &str = include_str!("place.sh");

/// The last byte of a guest's address in its owner's /24: 2 to 254, 1 being the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct HostNumber(u8);

impl HostNumber {
    pub fn new(number: u8) -> Option<Self> {
        (2..=254).contains(&number).then_some(Self(number))
    }

    pub fn get(self) -> u8 {
        self.0
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (2..=254).map(Self)
    }
}

impl TryFrom<u8> for HostNumber {
    type Error = FieldError;

    fn try_from(number: u8) -> Result<Self, FieldError> {
        Self::new(number).ok_or_else(|| FieldError::new("address", "Must end in 2 to 254."))
    }
}

impl From<HostNumber> for u8 {
    fn from(number: HostNumber) -> u8 {
        number.0
    }
}

/// Address of a guest's network card: locally administered (IEEE 802, the second bit of the first
/// byte), the rest out of the random part of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    pub fn of(guest: GuestId) -> Self {
        let id = guest.0.as_bytes();
        Self([0x02, id[11], id[12], id[13], id[14], id[15]])
    }

    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Ports of the host that may be led to guests: none that a service of the host is found at, and none
/// that the host picks for its own connections (ip_local_port_range, ip(7)).
pub const FORWARD_PORTS: std::ops::RangeInclusive<u16> = 20_000..=29_999;

/// A TCP port of the host that leads to a port of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Within [`FORWARD_PORTS`].
    pub host_port: u16,
    pub to: HostNumber,
    /// Not 0.
    pub guest_port: u16,
}

impl Forward {
    pub fn check(self) -> Result<Self, FieldError> {
        if !FORWARD_PORTS.contains(&self.host_port) {
            let (least, most) = (FORWARD_PORTS.start(), FORWARD_PORTS.end());
            return Err(FieldError::new("host_port", format!("Must be {least} to {most}.")));
        }
        if self.guest_port == 0 {
            return Err(FieldError::new("guest_port", "Must be 1 to 65535."));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_an_address_of_its_own_that_no_maker_has_given() {
        let mac = |id: &str| Mac::of(id.parse().expect("an id"));
        let one = mac("0190a000-0000-7000-8000-0123456789ab");
        assert_eq!(one.to_string(), "02:23:45:67:89:ab");
        assert_ne!(one, mac("0190a000-0000-7000-8000-0123456789ac"));
    }

    #[test]
    fn gateway_and_broadcast_are_no_guests() {
        assert_eq!([0, 1, 255].map(HostNumber::new), [None; 3]);
        assert_eq!(HostNumber::all().count(), 253);
    }

    #[test]
    fn ports_of_the_hosts_services_lead_nowhere() {
        let to = HostNumber::new(2).expect("fine");
        for (host_port, guest_port, field) in
            [(22, 22, "host_port"), (40_000, 22, "host_port"), (20_022, 0, "guest_port")]
        {
            let error = Forward { host_port, to, guest_port }.check().expect_err("refused");
            assert_eq!(error.field, field);
        }
        assert!(Forward { host_port: 20_022, to, guest_port: 22 }.check().is_ok());
    }
}
