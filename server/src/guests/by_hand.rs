//! A guest that somebody ran by hand, as a draft: what was read of its command line, in our words.

use umbel_app::shown::AdoptShown;
use umbel_guest::by_hand::{ByHand, CardKind};
use umbel_guest::{Attachment, GuestDraft, Memory};

/// What the draft has no place for is left out, with the reason.
pub(super) fn draft(found: ByHand) -> AdoptShown {
    let mut left_out: Vec<String> = found.left.iter().map(|left| shown(&left.word, left.reason)).collect();
    let mut leave = |word: &str, reason: &str| left_out.push(shown(word, reason));
    for (i, disk) in found.disks.iter().enumerate() {
        if disk.backing.is_some() {
            leave(&disk.file, "it is a child of another file; merge the two first (uml_moo)");
        } else if i > 0 {
            leave(&disk.file, "a guest has one disk here");
        }
    }
    if let Some(root) = found.root.filter(|root| root != "/dev/ubda" && root != "/dev/ubd0") {
        leave(&root, "the root is the first disk here");
    }
    if found.read_only == Some(true) {
        leave("ro", "the root is writable from the start");
    }
    if let Some(init) = found.init {
        leave(&init, "the image's own init is started");
    }
    for card in found.cards.iter().skip(1) {
        leave(&format!("card {}", card.number), "a guest has one card here");
    }
    if let Some(mac) = found.cards.first().and_then(|card| card.mac.as_deref()) {
        leave(mac, "a card's address is given by us");
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name = found.hostname.or(found.umid).unwrap_or_default().chars().take(63).map(plain).collect::<String>();
    let memory_mib = found.memory_bytes.map(|bytes| u32::try_from(bytes >> 20).unwrap_or(u32::MAX));
    let draft = GuestDraft {
        name: name.trim_matches('-').to_owned(),
        memory_mib: memory_mib.unwrap_or(Memory::DEFAULT.mib()),
        mode: found.mode.unwrap_or_default(),
        clock: found.clock.unwrap_or_default(),
        network: match found.cards.first().map(|card| card.kind) {
            None => Attachment::None,
            Some(CardKind::Tap) => Attachment::Bridge,
            Some(CardKind::Vde) => Attachment::Switch,
        },
        ..GuestDraft::default()
    };
    AdoptShown { draft, left_out }
}

/// The word is anybody's text.
fn shown(word: &str, reason: &str) -> String {
    let word: String = word.chars().filter(|c| !c.is_control()).take(100).collect();
    format!("{word}: {reason}")
}

#[cfg(test)]
mod tests {
    use umbel_guest::KernelMode;
    use umbel_guest::by_hand::parse;

    use super::*;

    #[test]
    fn the_line_of_the_classic_guide_is_a_draft() {
        let read = draft(parse(
            "./linux ubd0=root_fs mem=128M hostname=Deb_1 con=pty eth0=tuntap,tap0 root=/dev/ubda seccomp=on",
        ));
        assert_eq!((read.draft.memory_mib, read.draft.name.as_str()), (128, "deb-1"));
        assert_eq!((read.draft.network, read.draft.mode), (Attachment::Bridge, KernelMode::Fast));
        assert_eq!(read.left_out, ["con=pty: the console is the page's, and kept"]);
    }

    #[test]
    fn what_has_no_place_here_is_said() {
        let read = draft(parse("mem=99G ubda=a.cow,a.img ubdb=b root=/dev/ubdb ro init=/bin/sh"));
        assert_eq!(read.left_out.len(), 5, "{:?}", read.left_out);
        assert_eq!(read.draft.memory_mib, 99 << 10, "too much is refused with the form, by its field");
    }
}
