//! Entity tags (RFC 9110, section 8.8.3) of what can be changed of a thing, so that nobody writes over what they
//! haven't seen. Who changes it compares in the transaction that writes; docs/decisions/etags.md says why a hash.

use serde::Serialize;
pub use umbel_app::shown::Etag;
use umbel_app::shown::{
    AccountShown, AnnouncementShown, GroupRoll, GroupShown, GuestShown, ImageShown, KernelSettings, KernelShown,
    PersonShown,
};

use crate::hex::sha256_hex;

/// Characters of one: 128 bits.
const LENGTH: usize = 32;

/// Something that can be changed.
pub trait Tagged {
    fn etag(&self) -> Etag;
}

pub fn etag_of(settings: &impl Serialize) -> Etag {
    let text = serde_json::to_vec(settings).expect("plain data");
    let mut hash = sha256_hex(&text);
    hash.truncate(LENGTH);
    Etag(hash)
}

impl Tagged for GuestShown {
    fn etag(&self) -> Etag {
        self.etag.clone()
    }
}

impl Tagged for AccountShown {
    fn etag(&self) -> Etag {
        etag_of(&(self.role, self.expires_at, self.state))
    }
}

impl Tagged for PersonShown {
    fn etag(&self) -> Etag {
        self.account.etag()
    }
}

impl Tagged for GroupShown {
    fn etag(&self) -> Etag {
        etag_of(&(&self.name, self.kind))
    }
}

impl Tagged for GroupRoll {
    fn etag(&self) -> Etag {
        self.group.etag()
    }
}

impl Tagged for KernelShown {
    fn etag(&self) -> Etag {
        etag_of(&(&self.note, self.retired))
    }
}

impl Tagged for ImageShown {
    fn etag(&self) -> Etag {
        etag_of(&(&self.note, self.deprecated, self.visibility))
    }
}

impl Tagged for KernelSettings {
    fn etag(&self) -> Etag {
        etag_of(self)
    }
}

impl Tagged for Option<AnnouncementShown> {
    fn etag(&self) -> Etag {
        etag_of(self)
    }
}
