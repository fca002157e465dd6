//! What a guest is told once: users, keys and a script, carried out by real kernels.

use std::fs;
use std::os::unix::fs::MetadataExt;

use umbel_guest::setup::Identity;
use umbel_guest::{DiskKind, GuestId, Seen, Setup, SetupSeen};
use umbel_wire::agent::{Refusal, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, generation, order, put_kernel, soon};
use crate::kernels::built;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDUmbel anna@laptop";
/// Of `horse`, by mkpasswd(1).
const HASH: &str =
    "$6$umbelumbel$va23AACwKCRt/3LKgiJC/Yyx/FPXG8XAnM2QwWMNSlpZIV40bvSjdgKpGT/rznNFRtWtKfT4UNYR7bo8/1XwM.";

pub(crate) fn setup(user: &str, user_data: &str) -> Setup {
    Setup {
        id: uuid::Uuid::now_v7(),
        name: "web-1".parse().expect("a name"),
        user: user.parse().expect("a user"),
        password: Some(HASH.parse().expect("a hash")),
        keys: vec![KEY.parse().expect("a key")],
        user_data: user_data.parse().expect("a script"),
        identity: Identity::Own,
    }
}

fn tell(house: &House, guest: GuestId, number: u64, setup: Setup) -> Result<(), Refusal> {
    house.done(&Request::SetupPut { guest, generation: generation(number), setup: Box::new(setup) })
}

fn told(house: &House, guest: GuestId) -> Option<SetupSeen> {
    house.facts(guest).expect("heard of").setup
}

/// Where the disk lies until it was used.
fn disk(house: &House, guest: GuestId) -> std::path::PathBuf {
    house.layout.ledger().join(format!("guests/{guest}.setup"))
}

#[test]
fn a_guest_is_told_once_who_signs_in_and_what_to_run() {
    let house = House::new();
    house.prepare();
    let guest = GuestId(uuid::Uuid::now_v7());
    // Before there is anything of it.
    let script = "#!/bin/sh\nset -e\necho ran >>/root/ran\necho so it said\nid -u\n";
    tell(&house, guest, 1, setup("anna", script)).expect("written");
    house.disk(guest, DiskKind::Cow).expect("made");
    assert_eq!(told(&house, guest), Some(SetupSeen::Waits));
    let facts = fs::metadata(disk(&house, guest)).expect("there");
    assert_eq!(facts.mode() & 0o777, 0o400, "nobody else reads a password's hash");
    let mut console = Console::boot(&house, &order(guest, 2));
    assert!(soon(PATIENCE, || matches!(told(&house, guest), Some(SetupSeen::Done { .. }))), "{:?}", house.facts(guest));
    assert!(!disk(&house, guest).exists(), "nothing of it stays with the host");
    for (question, answer) in [
        ("id anna; grep anna: /etc/shadow", HASH),
        ("cat /home/anna/.ssh/authorized_keys", KEY),
        (
            "stat -c %a-%U /home/anna /home/anna/.ssh /home/anna/.ssh/authorized_keys | tr '\\n' .",
            "755-anna.700-anna.600-anna.",
        ),
        ("echo $(cat /root/ran /var/log/umbel-setup)", "ran so it said 0\r\n"),
        ("ls /var/lib/umbel | wc -l", "0\r\n"),
        ("(echo x >/dev/ubdb) 2>/dev/null && echo was writ\"\"ten || echo is on\"\"ly read", "is only read\r\n"),
        ("dd if=/dev/ubdb bs=1k skip=1024 count=1 2>/dev/null | head -n 2", "umbel-setup 1\r\nuser anna"),
    ] {
        console.type_in(question);
        console.until(answer);
    }
    house.stop(guest, 3, StopHow::ShutDown).expect("asked");
    house.ended(guest);
    let mut console = Console::boot(&house, &order(guest, 4));
    console.type_in("ls /dev/ubdb; cat /root/ran; echo lines $(wc -l </root/ran)");
    assert!(console.until("lines 1\r\n").contains("No such file"), "it has no such disk any more");
}

#[test]
fn what_goes_wrong_inside_is_said_and_it_can_be_told_again() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    tell(&house, guest, 2, setup("root", "#!/bin/sh\nexit 3\n")).expect("written");
    house.boot(guest, 3);
    let failed = |seen| matches!(seen, Some(SetupSeen::Failed { why, .. }) if why.contains("ended with 3"));
    assert!(soon(PATIENCE, || failed(told(&house, guest))), "{:?}", house.facts(guest));
    assert_eq!(tell(&house, guest, 4, setup("root", "")), Err(Refusal::StillRunning));
    house.stop(guest, 4, StopHow::Kill).expect("killed");
    assert!(matches!(tell(&house, guest, 3, setup("root", "")), Err(Refusal::Stale { .. })));
    tell(&house, guest, 5, setup("root", "#cloud-config\n{}\n")).expect("written");
    assert_eq!(told(&house, guest), Some(SetupSeen::Waits));
    house.boot(guest, 6);
    let failed = |seen| matches!(seen, Some(SetupSeen::Failed { why, .. }) if why.contains("cloud-init"));
    assert!(soon(PATIENCE, || failed(told(&house, guest))), "{:?}", house.facts(guest));
    house.stop(guest, 7, StopHow::Kill).expect("killed");
    tell(&house, guest, 8, setup("root", "")).expect("written");
    house.purge(guest, 9).expect("purged");
    assert!(!disk(&house, guest).exists(), "nothing of it stays with the host");
}

#[test]
fn an_agent_that_was_killed_hears_afterwards_what_came_of_it() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let script = "#!/bin/sh\nwhile [ ! -e /root/go ]; do sleep 0.1; done\n";
    tell(&house, guest, 2, setup("anna", script)).expect("written");
    let mut console = Console::boot(&house, &order(guest, 3));
    house.kill_agent();
    console.type_in("touch /root/go; sleep 1; cat /var/log/umbel-setup; echo went");
    console.until("went\r\n");
    house.start_agent();
    assert!(soon(PATIENCE, || matches!(told(&house, guest), Some(SetupSeen::Done { .. }))), "{:?}", house.facts(guest));
    assert!(!disk(&house, guest).exists(), "nothing of it stays with the host");
    assert!(matches!(house.seen(guest), Seen::Running { .. }));
}

/// The distribution's has no such file system built in.
#[test]
fn cloud_init_finds_what_it_knows_on_the_same_disk() {
    let house = House::new();
    let kernel = "own-1".parse().expect("a slug");
    put_kernel(&house, &kernel, &built());
    house.prepare();
    let guest = house.new_guest();
    tell(&house, guest, 2, setup("anna", "#!/bin/sh\necho mine\n")).expect("written");
    let mut console = Console::boot(&house, &StartOrder { kernel, ..order(guest, 3) });
    for (question, answer) in [
        (
            "mount -t vfat -o ro /dev/ubdb /mnt && ls /mnt | tr '\\n' .",
            "meta-data.network-config.user-data.vendor-data.",
        ),
        ("cat /mnt/meta-data", "\"local-hostname\":\"web-1\""),
        ("cat /mnt/user-data", "echo mine"),
        ("dd if=/dev/ubdb bs=1 skip=43 count=6 2>/dev/null; echo", "CIDATA"),
    ] {
        console.type_in(question);
        console.until(answer);
    }
}

/// As if the agent had been killed after the one and before the other.
#[test]
fn what_is_there_is_what_a_next_agent_says() {
    let mut house = House::new();
    house.prepare();
    let (half, over) = (house.new_guest(), house.new_guest());
    for guest in [half, over] {
        tell(&house, guest, 2, setup("anna", "")).expect("written");
    }
    house.kill_agent();
    house.edit_ledger(half, |entry| entry.setup = Some(SetupSeen::Done { at: 1 }));
    fs::remove_file(disk(&house, over)).expect("there");
    house.start_agent();
    assert_eq!((told(&house, half), told(&house, over)), (Some(SetupSeen::Waits), None));
    house.boot(half, 3);
    assert!(soon(PATIENCE, || matches!(told(&house, half), Some(SetupSeen::Done { .. }))), "{:?}", house.facts(half));
}
