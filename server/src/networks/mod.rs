//! A person's network on a host: who is in it under which address, and which ports of the host lead
//! into it. What stands on the host is told anew whenever the agent comes ([`tell`]).

mod forwards;
pub mod tell;
mod view;

use umbel_guest::{AccountId, Attachment, FieldError, HostNumber};
use umbel_wire::agent::Profile;

use crate::guests::Guests;
use crate::parts::Parts;
use crate::store::guests::guest_free_number;
use crate::store::networks::network_ensure;
use crate::store::{StoreError, Tx};

pub use view::address;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Networks {
    guests: Guests,
}

impl Networks {
    pub fn new(guests: Guests) -> Self {
        Self { guests }
    }

    fn parts(&self) -> &Parts {
        &self.guests.parts
    }
}

/// Why this host can't plug a guest in like this: a bridge needs an agent that is root.
pub fn refused(attachment: Attachment, profile: Profile) -> Option<&'static str> {
    let bridge = attachment == Attachment::Bridge && profile == Profile::Personal;
    bridge.then_some("A bridge needs an agent that is root; this one is an ordinary user. Choose the switch, or none.")
}

/// A place for one more guest in its owner's network, which is made if it isn't there; the inner error
/// where all 253 are taken. The index over numbers would refuse what is given twice.
pub async fn place(tx: &mut Tx, parts: &Parts, owner: AccountId) -> Result<Result<HostNumber, FieldError>, StoreError> {
    network_ensure(tx, parts.host, owner, parts.clock.now()).await?;
    let free = guest_free_number(tx, parts.host, owner).await?;
    Ok(free.ok_or_else(|| {
        FieldError::new("network", "The network is full: it has room for 253 guests. Delete one, or choose none.")
    }))
}
