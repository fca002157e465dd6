//! Text that is meant to become more than text: on a kernel's command line, as a path, in a request.

use std::fs;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use serde_json::{Value, json};
use umbel_guest::DiskKind;
use umbel_uml::xstate;
use umbel_wire::agent::{Reply, Request, StartOrder, VERSION};
use umbel_wire::frame;

use crate::console::Console;
use crate::corpus::{Den, attacker};
use crate::harness::{Client, kernels_of, order};

/// Each would be an option of its own, a path, a command or another field.
const HOSTILE: [&str; 32] = [
    "a eth0=slirp,,/bin/sh",
    "a\teth0=slirp,,/bin/sh",
    "a\neth0=slirp,,/bin/sh",
    "a\0con1=xterm",
    "a con1=port:9000",
    "a ubd1=/etc/shadow",
    "ubd1=/etc/shadow",
    "a,/etc/shadow",
    "/etc/shadow",
    "../../../etc/shadow",
    "..",
    ".",
    "",
    "-",
    "--help",
    "-a",
    "a-",
    "a/b",
    "a;reboot",
    "a|reboot",
    "$(reboot)",
    "`reboot`",
    "a' b='c",
    "a\" b=\"c",
    "A",
    "a.b.c",
    "a=b",
    "a:b",
    "a%20b",
    "ä",
    "\u{202e}gpj.exe",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Requests with one text of theirs each left open.
fn requests() -> Vec<(Value, &'static str)> {
    let guest = umbel_guest::GuestId(uuid::Uuid::now_v7());
    let start = serde_json::to_value(Request::Start(order(guest, 2))).expect("plain data");
    let generation = serde_json::to_value(order(guest, 2).generation).expect("plain data");
    let texts = ["name", "kernel", "image", "guest", "disk_kind", "mode", "clock", "boot"];
    let mut all: Vec<_> = texts.into_iter().map(|field| (start.clone(), field)).collect();
    all.extend([
        (json!({"do": "image_prepare", "image": ""}), "image"),
        (json!({"do": "kernel_remove", "kernel": ""}), "kernel"),
        (json!({"do": "kernel_add", "kernel": "a-1", "upload": ""}), "upload"),
        (json!({"do": "network_ensure", "network": ""}), "network"),
        (json!({"do": "disk_adopt", "guest": guest, "generation": generation, "stray": ""}), "stray"),
        (json!({"do": "purge", "guest": "", "generation": generation}), "guest"),
        (json!({"do": "stop", "guest": guest, "generation": generation, "how": ""}), "how"),
        (json!({"do": "sys_rq", "guest": guest, "generation": generation, "key": ""}), "key"),
    ]);
    all
}

#[test]
fn no_hostile_text_gets_past_the_decoder_or_the_agent() {
    let den = Den::new();
    let mut past = 0;
    for (request, field) in requests() {
        assert!(request.get(field).is_some(), "{request} has no {field}");
        for text in HOSTILE {
            let mut request = request.clone();
            request[field] = text.into();
            let decoded = serde_json::from_value::<Request>(request.clone());
            let mut client = Client(UnixStream::connect(den.house.layout.agent_socket()).expect("listens"));
            assert!(matches!(client.ask(&Request::Hello { version: VERSION }), Reply::Hello { .. }));
            frame::write(&mut client.0, &frame::to_json(&request).expect("plain data")).expect("sent");
            // What is no request ends the connection; one that names what isn't there is refused.
            let Ok(answer) = frame::read(&mut client.0) else {
                assert!(decoded.is_err(), "{request} is a request and was not answered");
                continue;
            };
            let reply: Reply = frame::from_json(&answer).expect("a reply");
            // Removing a kernel that isn't there is done already.
            let removes = request["do"] == "kernel_remove" && reply == Reply::Done;
            let refused = removes || matches!(reply, Reply::Refused(_));
            // A name of a file that isn't there may have a dot or capital letters.
            assert!(refused && decoded.is_ok(), "{request}: {reply:?}");
            assert!(!text.contains(['/', ' ', '\n', '\0', ',', '$', '"']), "{request} was understood");
            past += 1;
        }
    }
    assert!(past < HOSTILE.len(), "{past} were understood");
}

#[test]
fn a_running_kernel_has_these_words_and_no_others() {
    let den = Den::new();
    let guest = den.told("wait\n");
    den.start(guest);
    Console::of(&den.house, guest).until("waiting");
    let pid = kernels_of(guest).first().copied().expect("it runs");
    let line = fs::read(format!("/proc/{pid}/cmdline")).expect("there");
    let words: Vec<String> =
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let keys: Vec<&str> =
        words.iter().skip(1).filter_map(|word| word.split('=').next()).filter(|k| !k.is_empty()).collect();
    let expected = [
        "mem", "ubd0d", "root", "rw", "con", "con0", "ssl", "noreboot", "panic", "quiet", "lpj", "hostname", "uml_dir",
        "umid", "mconsole",
    ];
    let others: Vec<_> = keys.iter().filter(|key| !expected.contains(key)).collect();
    assert!(others.is_empty(), "{others:?} in {words:?}");
    let counted = |key: &str| keys.iter().filter(|found| **found == key).count();
    assert!(expected.iter().all(|key| counted(key) == 1), "{words:?}");
    let environment = fs::read(format!("/proc/{pid}/environ")).expect("there");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let names: Vec<_> =
        environment.split('\0').filter_map(|word| word.split('=').next()).filter(|n| !n.is_empty()).collect();
    // Where the processor makes it necessary.
    let preload = format!("{}={}", xstate::VARIABLE, umbel_agent::jail::PRELOAD);
    assert_eq!(environment.split('\0').any(|word| word == preload), xstate::is_needed(), "{environment}");
    let known =
        |name: &&str| ["TMPDIR", "HOME", "TERM"].contains(name) || (**name == *xstate::VARIABLE && xstate::is_needed());
    assert!(names.iter().all(known), "{names:?}");
}

proptest! {
    #[test]
    fn an_order_that_is_understood_has_plain_words(name in "\\PC{0,20}|[a-z0-9=,/ .-]{1,12}", kernel in "\\PC{0,20}|[a-z0-9=,/ .-]{1,12}") {
        let guest = umbel_guest::GuestId(uuid::Uuid::nil());
        let start = StartOrder { kernel: attacker(), disk_kind: DiskKind::Plain, ..order_without_kernel(guest) };
        let mut request = serde_json::to_value(Request::Start(start)).expect("plain data");
        request["name"] = name.into();
        request["kernel"] = kernel.into();
        if let Ok(Request::Start(order)) = serde_json::from_value(request) {
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._+".contains(&b));
            prop_assert!(plain(order.name.as_str()) && plain(order.kernel.as_str()), "{:?}", order);
            prop_assert!(!order.kernel.as_str().starts_with('.'));
        }
    }
}

/// Without a look at the machine's kernel, which takes its time.
fn order_without_kernel(guest: umbel_guest::GuestId) -> StartOrder {
    static ORDER: std::sync::OnceLock<StartOrder> = std::sync::OnceLock::new();
    ORDER.get_or_init(|| order(guest, 2)).clone()
}
