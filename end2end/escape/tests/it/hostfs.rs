//! Root in a guest mounts the host's file system: it sees its jail, and with it nothing of the host.

use umbel_guest::GuestId;
use umbel_wire::agent::{Refusal, Request};

use crate::console::Console;
use crate::corpus::Den;
use crate::harness::order;

/// Every way to say where that was ever tried: from the root, above it, and through /proc.
const ORIGINS: [&str; 4] = ["/", "../../../../..", "/proc/1/root", "/srv/../.."];

/// What is in there, each line apart; with what one of the lines is looked for.
fn listed(console: &mut Console, origin: &str) -> Vec<String> {
    // The words are not those of the line as it is echoed.
    console.type_in(&format!(
        "echo be''gun; mount -t hostfs -o {origin} none /mnt; ls -1 /mnt; umount /mnt; echo li''sted"
    ));
    console.until("begun\r\n");
    let said = console.until("listed\r\n");
    let mut names: Vec<String> = said.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
    names.sort();
    names
}

fn boot(den: &Den) -> (GuestId, Console) {
    let guest = den.house.new_guest();
    let console = Console::boot(&den.house, &order(guest, 2));
    (guest, console)
}

#[test]
fn it_is_the_jail_and_a_changed_header_is_refused() {
    let den = Den::new();
    let (guest, mut console) = boot(&den);
    for origin in ORIGINS {
        let names = listed(&mut console, origin);
        // Libraries lie where the host has them: their first directories are what may differ.
        let fixed = ["base", "dev", "disk0", "linux", "proc", "shim", "volumes", "work"];
        let others: Vec<_> = names.iter().filter(|name| !fixed.contains(&name.as_str())).collect();
        let fine = |name: &str| {
            // The last where the processor makes it necessary.
            ["lib", "lib64", "usr", "preload.so"].contains(&name)
                || name.starts_with("mount:")
                || name.starts_with("umount:")
        };
        assert!(others.iter().all(|name| fine(name)), "{origin}: {names:?}");
    }
    let names = listed(&mut console, "/");
    assert!(names.contains(&"disk0".to_owned()) && names.contains(&"linux".to_owned()), "{names:?}");

    // Its own disk is in there, and with it the header that names the base.
    console.type_in("mount -t hostfs -o / none /mnt; printf /etc/shadow | dd of=/mnt/disk0 bs=1 seek=32 conv=notrunc; sync; reboot -f");
    den.house.ended(guest);
    let refused = den.house.done(&Request::Start(order(guest, 3))).expect_err("refused");
    assert!(matches!(&refused, Refusal::BadDisk { reason } if reason.contains("/etc/shadow")), "{refused:?}");
}

#[test]
fn without_a_root_directory_of_its_own_it_is_the_host() {
    let mut den = Den::new();
    den.without(&["root directory"]);
    let (_, mut console) = boot(&den);
    for origin in ["/", "../../../../.."] {
        let names = listed(&mut console, origin);
        assert!(["etc", "home", "root"].iter().all(|name| names.contains(&(*name).to_owned())), "{origin}: {names:?}");
    }
    console.type_in("mount -t hostfs -o / none /mnt; head -n1 /mnt/etc/passwd");
    console.until("root:x:0:0");
}
