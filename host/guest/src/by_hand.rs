//! The command line of a guest that somebody ran by hand, as far as it can be taken over. It is shown to
//! a person and carried out by nobody: what becomes a guest is typed again and checked again.
//!
//! Options are those of the kernel's Documentation/virt/uml/user_mode_linux_howto_v2.rst and of
//! `linux --help`.

use crate::spec::{Clock, KernelMode};

/// What was understood. A word that is not in here is in [`Self::left`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHand {
    pub memory_bytes: Option<u64>,
    /// In the order of the command line.
    pub disks: Vec<Disk>,
    /// `root=`, for example `/dev/ubda`.
    pub root: Option<String>,
    pub read_only: Option<bool>,
    pub cards: Vec<Card>,
    pub hostname: Option<String>,
    /// Its name among the guests of the host.
    pub umid: Option<String>,
    pub init: Option<String>,
    pub mode: Option<KernelMode>,
    pub clock: Option<Clock>,
    pub left: Vec<Left>,
}

/// A `ubdX=`; paths as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// `ubda` is 0.
    pub number: u8,
    pub file: String,
    /// Of which `file` is the copy-on-write child.
    pub backing: Option<String>,
    pub read_only: bool,
}

/// An `ethN=` or `vecN:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub number: u8,
    pub kind: CardKind,
    /// As it was typed. A guest of ours has one of its own.
    pub mac: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardKind {
    /// What a bridge of ours takes the place of.
    Tap,
    /// What a switch of ours takes the place of.
    Vde,
}

/// A word that was not taken over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub word: String,
    pub reason: &'static str,
}

/// Longest text that is looked at; the kernel itself takes 4096 (COMMAND_LINE_SIZE).
const TEXT_MAX: usize = 64 * 1024;

/// Reads a command as it was typed in a shell, with the kernel's name in front or without.
pub fn parse(text: &str) -> ByHand {
    let mut found = ByHand::default();
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() {
        found.leave("…", "it is longer than any command line");
    }
    for (i, word) in words(&text[..end]).into_iter().enumerate() {
        if i == 0 && is_program(&word) {
            continue;
        }
        found.take(&word);
    }
    found
}

impl ByHand {
    fn leave(&mut self, word: &str, reason: &'static str) {
        self.left.push(Left { word: word.to_owned(), reason });
    }

    fn take(&mut self, word: &str) {
        let (key, value) = word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value)));
        match (key, value.filter(|value| !value.is_empty())) {
            ("mem", Some(size)) => match bytes(size) {
                Some(bytes) => once(&mut self.memory_bytes, bytes),
                None => self.leave(word, "this is no size"),
            },
            ("root", Some(device)) => once(&mut self.root, device.to_owned()),
            ("ro", None) => once(&mut self.read_only, true),
            ("rw", None) => once(&mut self.read_only, false),
            ("hostname", Some(name)) => once(&mut self.hostname, name.to_owned()),
            ("umid", Some(name)) => once(&mut self.umid, name.to_owned()),
            ("init", Some(program)) => once(&mut self.init, program.to_owned()),
            ("seccomp", Some("on" | "auto")) => once(&mut self.mode, KernelMode::Fast),
            ("seccomp", Some("off")) => once(&mut self.mode, KernelMode::Strict),
            ("time-travel", None) => once(&mut self.clock, Clock::TimeTravel),
            ("time-travel", Some(_)) => self.leave(word, "only time-travel alone is offered"),
            (key, Some(value)) if key.starts_with("ubd") => match disk(key, value) {
                Ok(disk) if self.disks.iter().all(|other| other.number != disk.number) => self.disks.push(disk),
                Ok(_) => self.leave(word, "this disk was named before"),
                Err(reason) => self.leave(word, reason),
            },
            (key, Some(value)) if key.starts_with("eth") => match legacy_card(key, value) {
                Ok(card) => self.add_card(word, card),
                Err(reason) => self.leave(word, reason),
            },
            _ if word.starts_with("vec") => match vector_card(word) {
                Ok(card) => self.add_card(word, card),
                Err(reason) => self.leave(word, reason),
            },
            _ => self.leave(word, reason_of(key)),
        }
    }

    fn add_card(&mut self, word: &str, card: Card) {
        if self.cards.iter().any(|other| other.number == card.number && other.kind == card.kind) {
            self.leave(word, "this card was named before");
        } else {
            self.cards.push(card);
        }
    }
}

/// The kernel takes the last of what is said twice.
fn once<T>(place: &mut Option<T>, value: T) {
    *place = Some(value);
}

/// Why a word is left that has nothing to do with what a guest is.
fn reason_of(key: &str) -> &'static str {
    match key {
        "uml_dir" | "mconsole" => "the management console is ours, and out of reach of others",
        "noreboot" | "panic" | "quiet" => "every guest has it",
        "rootfstype" | "rootflags" => "the kernel finds out by itself; hostfs is an image of its own",
        "hostfs" => "the host's files are shown by an image of its own",
        "ip" => "the network gives the address",
        "loglevel" | "debug" | "earlyprintk" | "initcall_debug" => "it is for looking for errors",
        "initrd" => "guests boot without one",
        _ if key.starts_with("con") || key.starts_with("ssl") || key == "xterm" => {
            "the console is the page's, and kept"
        }
        "" => "it is empty",
        _ => "it is not known here",
    }
}

/// `ubd0`, `ubda`, with flags `r`, `s`, `c`, `d`, `t` after it.
fn disk(key: &str, value: &str) -> Result<Disk, &'static str> {
    let no_disk = "this names no disk";
    let mut rest = key.strip_prefix("ubd").ok_or(no_disk)?.chars();
    let number = match rest.next().ok_or(no_disk)? {
        c @ '0'..='9' => c as u8 - b'0',
        c @ 'a'..='p' => c as u8 - b'a',
        _ => return Err(no_disk),
    };
    let mut read_only = false;
    let mut is_plain = false;
    for flag in rest {
        match flag {
            'r' => read_only = true,
            'd' => is_plain = true,
            's' | 'c' | 't' => {}
            _ => return Err("this flag of a disk is not known"),
        }
    }
    let mut parts = value.split([',', ':']);
    let file = parts.next().filter(|file| !file.is_empty()).ok_or("it has no file")?.to_owned();
    let backing = parts.next().filter(|file| !file.is_empty()).map(str::to_owned);
    if parts.next().is_some_and(|serial| !serial.is_empty()) {
        return Err("a disk's serial number can't be taken over");
    }
    if is_plain && backing.is_some() {
        return Err("a disk with the flag d has no backing file");
    }
    Ok(Disk { number, file, backing, read_only })
}

/// `eth0=tuntap,tap0,fe:fd:…,192.168.0.1`, `eth0=vde,/run/vde.ctl,…`.
fn legacy_card(key: &str, value: &str) -> Result<Card, &'static str> {
    let number = key.strip_prefix("eth").and_then(|n| n.parse().ok()).ok_or("this names no network card")?;
    let mut parts = value.split(',');
    let kind = match parts.next() {
        Some("tuntap") => CardKind::Tap,
        Some("vde") => CardKind::Vde,
        Some("daemon") => return Err("uml_switch is of the past: a switch of ours is a vde_switch"),
        Some("slirp" | "slip" | "ethertap" | "pcap" | "mcast") => return Err("this transport is of the past"),
        _ => return Err("this transport is not known"),
    };
    let mac = parts.nth(1).filter(|mac| is_mac(mac)).map(str::to_owned);
    Ok(Card { number, kind, mac })
}

/// `vec0:transport=tap,ifname=tap0,mac=…`.
fn vector_card(word: &str) -> Result<Card, &'static str> {
    let (number, options) =
        word.strip_prefix("vec").and_then(|rest| rest.split_once(':')).ok_or("this names no network card")?;
    let number = number.parse().map_err(|_| "this names no network card")?;
    let value = |key: &str| options.split(',').find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
    let kind = match value("transport") {
        Some("tap" | "hybrid") => CardKind::Tap,
        Some("vde") => CardKind::Vde,
        Some("bess" | "fd" | "raw" | "gre" | "l2tpv3") => return Err("this transport is not offered"),
        _ => return Err("this transport is not known"),
    };
    Ok(Card { number, kind, mac: value("mac").filter(|mac| is_mac(mac)).map(str::to_owned) })
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `128M`: with K, M or G of 1024 each, as memparse() of the kernel reads it.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let shift = match suffix {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(1 << shift)
}

fn is_program(word: &str) -> bool {
    !word.contains('=') && (word.contains('/') || word == "linux" || word == "linux.uml")
}

/// As a shell would part it, with its quotes and backslashes, and nothing else of a shell: a `$` stays one.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            // At the end of a line it goes on.
            (None | Some('"'), '\\') => match chars.next() {
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn left(found: &ByHand) -> Vec<&str> {
        found.left.iter().map(|left| left.word.as_str()).collect()
    }

    #[test]
    fn the_line_of_the_classic_guide_is_understood() {
        let found = parse("./linux ubd0=rootfs mem=128M con=pty eth0=tuntap,tap0,fe:fd:00:00:00:01,192.168.0.254");
        let disk = Disk { number: 0, file: "rootfs".into(), backing: None, read_only: false };
        let card = Card { number: 0, kind: CardKind::Tap, mac: Some("fe:fd:00:00:00:01".into()) };
        assert_eq!((found.memory_bytes, &found.disks, &found.cards), (Some(128 << 20), &vec![disk], &vec![card]));
        assert_eq!(left(&found), ["con=pty"]);
    }

    #[test]
    fn everything_at_once() {
        let found = parse(
            "linux.uml \\\n mem='1G' ubda=web.cow,/srv/base.img \"ubdbr=/srv/my data.img\" root=/dev/ubda ro \
             hostname=web init=/bin/sh seccomp=on time-travel vec0:transport=vde,vnl=x,mac=02:00:00:00:00:01 \
             eth1=slirp,,/bin/evil umid=web noreboot con0=fd:0,fd:1 mem=64m ubda=again ubdx= fakeroot",
        );
        assert_eq!(found.memory_bytes, Some(64 << 20), "the last one counts");
        assert_eq!(found.disks[0].backing.as_deref(), Some("/srv/base.img"));
        assert_eq!(
            (found.disks[1].file.as_str(), found.disks[1].number, found.disks[1].read_only),
            ("/srv/my data.img", 1, true)
        );
        assert_eq!((found.root.as_deref(), found.read_only), (Some("/dev/ubda"), Some(true)));
        assert_eq!((found.hostname.as_deref(), found.init.as_deref()), (Some("web"), Some("/bin/sh")));
        assert_eq!(found.umid.as_deref(), Some("web"));
        assert_eq!((found.mode, found.clock), (Some(KernelMode::Fast), Some(Clock::TimeTravel)));
        assert_eq!((found.cards.len(), found.cards[0].kind), (1, CardKind::Vde));
        let others = ["eth1=slirp,,/bin/evil", "noreboot", "con0=fd:0,fd:1", "ubda=again", "ubdx=", "fakeroot"];
        assert_eq!(left(&found), others);
    }

    #[test]
    fn sizes_are_the_kernels() {
        for (text, size) in [
            ("64M", Some(64 << 20)),
            ("65536k", Some(64 << 20)),
            ("1", Some(1)),
            ("", None),
            ("1T", None),
            ("-1", None),
            ("99999999999G", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
    }

    proptest! {
        /// Never panics, and invents nothing: every text of the answer stands in the question, and every word
        /// of the question is somewhere in the answer.
        #[test]
        fn nothing_is_invented_and_nothing_gets_lost(line in "((mem|root|ubd[0a]r?|eth0|vec0:transport|init|hostname|seccomp|[a-z]{1,5})(=[a-z0-9,:/]{0,12}[MGk]?)?[ '\"\\\\]{0,2}){0,12}\\PC{0,10}") {
            let words = words(&line);
            let found = parse(&line);
            let texts = found.disks.iter().flat_map(|d| [Some(&d.file), d.backing.as_ref()]).flatten();
            let texts = texts.chain(&found.root).chain(&found.hostname).chain(&found.umid).chain(&found.init);
            for text in texts.chain(found.left.iter().map(|l| &l.word)).chain(found.cards.iter().filter_map(|c| c.mac.as_ref())) {
                prop_assert!(words.iter().any(|word| word.contains(text.as_str())), "{text:?} of {words:?}");
            }
            let known = ["mem", "root", "ro", "rw", "hostname", "umid", "init", "seccomp", "time-travel"];
            for (i, word) in words.iter().enumerate() {
                let key = word.split('=').next().unwrap_or_default();
                let taken = known.contains(&key) || key.starts_with("ubd") || key.starts_with("eth") || key.starts_with("vec");
                prop_assert!(taken || (i == 0 && is_program(word)) || found.left.iter().any(|l| l.word == *word), "{word:?} is lost");
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = parse(&text);
        }
    }
}
