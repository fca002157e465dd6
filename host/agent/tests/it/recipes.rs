//! Recipes that are built here, out of repositories that the tests make: what comes of them boots, is the same each time,
//! and nothing of a build leads out of its jail or outlives it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use umbel_agent::recipe::launcher::BuildOrder;
use umbel_guest::GuestId;
use umbel_wire::agent::{BuildState, Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, generation, order, soon};
use crate::images::{disk, id, images, import, names, remove, size};
use crate::kernels::with;
use crate::packages::{Building, Site};
use crate::repository::{Key, Repository, root};

const ANNA: &str = "[[users]]\nname = 'anna'\ngroups = ['wheel']\nshell = '/bin/sh'\nkeys = ['ssh-ed25519 AAAA anna@example']\n\
     [[files]]\npath = '/etc/motd'\ncontent = 'hello'\nmode = '0640'\n";

fn sum(path: &Path) -> String {
    Sha256::digest(fs::read(path).expect("there")).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn built(house: &House, recipe: &str, site: &Site) -> (String, String) {
    let building = Building::begin(house, recipe, site).expect("begun");
    let (log, state) = building.end();
    assert_eq!(state, BuildState::Done {}, "{log}");
    let sum = sum(&building.disk());
    building.forget();
    (log, sum)
}

/// What is left of builds on the host, but for what they have put among uploads.
fn left(house: &House) -> Vec<String> {
    let mut left = Vec::new();
    let place = house.layout.ledger().join("build");
    left.extend(place.exists().then(|| place.display().to_string()));
    let mounts = |pid: &str| fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let data = house.layout.data().display().to_string();
    for entry in fs::read_dir("/proc").expect("there").filter_map(Result::ok) {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.bytes().all(|byte| byte.is_ascii_digit()) && mounts(&pid).contains(&data) {
            left.push(format!("process {pid}"));
        }
    }
    left
}

#[test]
fn an_arch_of_a_recipe_boots_with_its_name_user_and_key_and_is_the_same_each_time() {
    let house = House::new();
    house.prepare();
    let repository = Repository::that_boots();
    let recipe = repository.recipe(ANNA);
    let building = Building::begin(&house, &recipe, &repository.site()).expect("begun");
    let (log, state) = building.end();
    assert_eq!(state, BuildState::Done {}, "{log}");
    assert!(building.asked.lock().expect("whole").contains(&"/m0/tiny.db".to_owned()));
    let first = sum(&building.disk());
    assert_eq!(fs::metadata(building.disk()).expect("there").uid(), nix::unistd::Uid::effective().as_raw());
    import(&house, "small-1", building.upload).expect("imported");
    building.forget();
    let facts = images(&house).into_iter().find(|image| image.id == id("small-1")).expect("listed");
    assert_eq!((facts.file_system.as_deref(), facts.fills_disk, facts.sizes[0]), (Some("ext4"), true, size(64)));

    let guest = GuestId(uuid::Uuid::now_v7());
    disk(&house, guest, "small-1", 128).expect("made");
    let start = StartOrder { image: id("small-1"), disk: size(128), ..order(guest, 2) };
    // Its prompt has the guest's name.
    let mut console = Console::boot(&house, &start);
    console.type_in(
        "id anna; cat /home/anna/.ssh/authorized_keys; stat -c '%U:%a' /home/anna/.ssh /etc/motd; ls -l /dev/console",
    );
    console.until("anna) gid=");
    console.until("10(wheel)");
    console.until("ssh-ed25519 AAAA anna@example\r\n");
    console.until("anna:700\r\nroot:640\r\n");
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    house.done(&Request::Purge { guest, generation: generation(4) }).expect("purged");

    // A second later, and so that no clock is the same.
    std::thread::sleep(Duration::from_millis(1100));
    let (_, second) = built(&house, &recipe, &repository.site());
    assert_eq!(first, second);
    let (_, other) = built(&house, &repository.recipe(&ANNA.replace("hello", "hallo")), &repository.site());
    assert_ne!(first, other);
    remove(&house, "small-1").expect("removed");
    assert_eq!((names(&house), left(&house)), (Vec::new(), Vec::new()));
}

/// What is asked of the place: each answer that tells of a hole begins with "probe".
const PROBES: &str = r#"
tell() { echo "probe $*"; }
for path in DATA /root/.ssh /etc/ssh /var/lib/umbel /sys/fs/cgroup /run/umbel; do
    [ -e "$path" ] && tell there "$path"
done
for process in /proc/[0-9]*; do
    [ -e "$process/root/DATA" ] && tell leads out "$process"
    grep -q "agent.serve" "$process/cmdline" 2>/dev/null && tell agent
done
[ "$(ls -d /proc/[0-9]* | wc -l)" -lt 40 ] || tell processes
busybox umount -l /proc 2>/dev/null
grep -q "agent.serve" /proc/[0-9]*/cmdline 2>/dev/null && tell agent below
for process in /proc/[0-9]*; do [ -e "$process/root/DATA" ] && tell leads out "$process"; done
busybox mount -t proc proc /proc 2>/dev/null
busybox wget -q -T 3 -O /dev/null http://127.0.0.1:PORT/ 2>/dev/null && tell reached the host
busybox wget -q -T 3 -O /dev/null http://192.0.2.1/ 2>/dev/null && tell reached a network
[ "$(grep -c : /proc/net/dev)" = 1 ] || tell card
busybox ip link add x type dummy 2>/dev/null && tell made a card
busybox mknod /tmp/disk b 254 0 2>/dev/null && busybox dd if=/tmp/disk of=/dev/null count=1 2>/dev/null && tell disk
busybox unshare -U busybox true 2>/dev/null && tell user namespace
busybox unshare -n busybox true 2>/dev/null && tell network namespace
(echo 1000 >/proc/sys/user/max_user_namespaces) 2>/dev/null && tell more namespaces
(echo /tmp/x >/proc/sys/kernel/core_pattern) 2>/dev/null && tell core
(echo 1 >/proc/sys/vm/drop_caches) 2>/dev/null && tell caches
busybox date -s 2000-01-01 >/dev/null 2>&1; [ "$(date +%Y)" = 2000 ] && tell clock
busybox chroot /proc/1/root ls /DATA >/dev/null 2>&1 && tell led out
kill -9 1 2>/dev/null
grep -q "NoNewPrivs:.1" /proc/self/status || tell privileges
tell end
"#;

fn told(log: &str) -> Vec<&str> {
    log.lines().filter_map(|line| line.strip_prefix("probe ")).collect()
}

/// With something of the panel's to be found, and something on the host's loopback that listens.
fn probes(house: &House, more: &str) -> (String, std::net::TcpListener) {
    fs::create_dir_all(house.layout.panel()).expect("made");
    fs::write(house.layout.panel().join("umbel.db"), "secret").expect("written");
    let outside = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = outside.local_addr().expect("bound").port().to_string();
    let data = house.layout.data().display().to_string();
    (PROBES.replace("DATA", &data).replace("PORT", &port) + more, outside)
}

#[test]
fn a_package_that_looks_around_finds_nothing_of_the_host() {
    let house = House::new();
    let mut repository = Repository::that_boots();
    let (probes, _outside) = probes(&house, "");
    repository.package("probe", &format!("post_install() {{\n{probes}}}\n"), |tree| {
        fs::create_dir_all(tree.join("opt")).expect("made");
    });
    let building = Building::begin(&house, &repository.recipe(""), &repository.site()).expect("begun");
    let (log, state) = building.end();
    assert_eq!(told(&log), ["end"], "{state:?}\n{log}");
    building.forget();
    assert_eq!(left(&house), [""; 0]);
}

/// A package may leave the root that it is installed into; this is who is root around it, with all that it can call.
#[test]
fn the_root_of_the_jail_finds_nothing_of_the_host_either() {
    let house = House::new();
    let place = tempfile::tempdir().expect("tmp");
    let more = "[ -e /etc/shadow ] && tell shadow\ntouch /usr/evil 2>/dev/null && tell wrote /usr\ntouch /etc/evil 2>/dev/null && tell wrote /etc\n\
        for path in /usr /etc/alternatives /; do mount -o remount,bind,rw $path 2>/dev/null && tell remounted $path; done\n\
        for path in /usr /work /dev/null; do umount -l $path 2>/dev/null && tell unmounted $path; done\n\
        chown 0 /dev/null 2>/dev/null && tell owns a device\n\
        [ -r /etc/ld.so.cache ] || tell nothing can be run\ncat /bin/busybox >/dev/null || tell nothing\ntell last\n";
    let (script, _outside) = probes(&house, more);
    let (root, work) = (place.path().join("root"), place.path().join("work"));
    fs::create_dir_all(work.join("in")).expect("made");
    fs::create_dir(&root).expect("made");
    fs::write(work.join("in/build"), script.replace("\ntell() {", "set +e\ntell() {")).expect("written");
    // Far from everybody else's.
    let ids = [1_900_000_000, 4096];
    std::os::unix::fs::chown(&work, Some(ids[0]), Some(ids[0])).expect("given");
    let order = BuildOrder { place: root, work, cgroup: Vec::new(), ids, most_bytes: 1 << 30, seconds: 60 };
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let mut command = house.command();
    let child =
        command.arg("build").stdin(std::os::fd::OwnedFd::from(theirs)).stdout(std::process::Stdio::piped()).spawn();
    drop(command);
    umbel_wire::frame::write(&mut ours, &umbel_wire::frame::to_json(&order).expect("plain data")).expect("said");
    let output = child.expect("runs").wait_with_output().expect("ends");
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told(&log), ["end", "last"], "{log}");
    assert!(!Path::new("/usr/evil").exists());
}

#[test]
fn a_build_that_does_too_much_is_ended_and_nothing_of_it_stays() {
    let mut house = House::new();
    with(&mut house, &["--build-mib", "200"]);
    for (what, install, ending) in [
        // The host's other processes would notice.
        ("bomb", "post_install() { bomb() { bomb | bomb & }; bomb; sleep 2; echo probe end; }", None),
        (
            "fill",
            "post_install() { dd if=/dev/zero of=/root/full bs=1048576 count=4000; sleep 100; }",
            Some("writes more"),
        ),
        (
            "deep",
            "post_install() { cd /root; i=0; while [ $i -lt 250 ]; do mkdir d; cd d; i=$((i+1)); done; sleep 100; }",
            Some("writes more"),
        ),
        ("memory", "post_install() { dd if=/dev/zero of=/dev/null bs=1500M count=1 || echo probe refused; }", None),
    ] {
        let mut repository = Repository::that_boots();
        repository.package(what, install, |tree| fs::create_dir_all(tree.join("opt")).expect("made"));
        let building = Building::begin(&house, &repository.recipe(""), &repository.site()).expect("begun");
        let begun = Instant::now();
        let (log, state) = building.end();
        assert!(begun.elapsed() < Duration::from_secs(90), "{what}: {log}");
        match (ending, &state) {
            (Some(why), BuildState::Failed { reason }) => assert!(reason.contains(why), "{what}: {reason}\n{log}"),
            (None, _) => {}
            other => panic!("{what}: {other:?}\n{log}"),
        }
        building.forget();
        assert_eq!(left(&house), [""; 0], "{what}");
    }
}

#[test]
fn what_a_build_leaves_running_ends_with_it_and_a_recipe_that_fails_says_why() {
    let house = House::new();
    let mut repository = Repository::that_boots();
    let install = "post_install() { (sleep 1000 </dev/null >/dev/null 2>&1 &) ; }";
    repository.package("stays", install, |tree| fs::create_dir_all(tree.join("opt")).expect("made"));
    let (_, first) = built(&house, &repository.recipe(""), &repository.site());
    assert_eq!(first.len(), 64);
    assert_eq!(left(&house), [""; 0]);
    let recipe = repository.recipe("").replace("\"stays\"", "\"nothing\"");
    let building = Building::begin(&house, &recipe, &repository.site()).expect("begun");
    let (log, state) = building.end();
    assert!(log.contains("target not found: nothing"), "{log}");
    assert!(matches!(&state, BuildState::Failed { reason } if reason.contains("nothing")), "{state:?}");
    assert!(!building.disk().exists());
    building.forget();
    for (recipe, why) in [("name = 'x'", "version"), (&*repository.recipe("services = ['a; b']"), "services")] {
        match Building::begin(&house, recipe, &repository.site()).map(drop) {
            Err(Refusal::BadRecipe { reason }) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn packages_are_taken_if_the_recipe_s_key_has_signed_them_and_otherwise_not() {
    let house = House::new();
    let (key, other) = (Key::new(), Key::new());
    let (its, others) = (key.line(), other.line());
    let mut repository = Repository::new();
    repository.sign_with(key);
    repository.package("tiny", "", root);
    built(&house, &repository.recipe(&its), &repository.site());
    for key in [&*others, ""] {
        let building = Building::begin(&house, &repository.recipe(key), &repository.site()).expect("begun");
        let (log, state) = building.end();
        assert!(matches!(state, BuildState::Failed { .. }) && !log.contains("installing"), "{log}");
        building.forget();
    }
    let unsigned = Repository::that_boots();
    let recipe = unsigned.recipe(&its).replace("unsigned = true\n", "");
    let building = Building::begin(&house, &recipe, &unsigned.site()).expect("begun");
    let (log, state) = building.end();
    assert!(matches!(state, BuildState::Failed { .. }) && !log.contains("installing"), "{log}");
    building.forget();
    assert_eq!(left(&house), [""; 0]);
}

#[test]
fn one_is_built_at_a_time_and_whoever_ends_it_ends_all_of_it() {
    let house = House::new();
    let mut repository = Repository::that_boots();
    let install = "post_install() { echo probe here; sleep 1000; }";
    repository.package("slow", install, |tree| fs::create_dir_all(tree.join("opt")).expect("made"));
    let building = Building::begin(&house, &repository.recipe(""), &repository.site()).expect("begun");
    building.until("probe here");
    let second = Building::begin(&house, &repository.recipe(""), &repository.site()).map(drop);
    assert_eq!(second.expect_err("busy"), Refusal::BuildUnderWay);
    building.forget();
    assert_eq!(left(&house), [""; 0]);
    building.forget();
    let gone = house.connect().ask(&Request::RecipeSeen { upload: building.upload, from: 0, wait_ms: 0 });
    assert_eq!(gone, Reply::Refused(Refusal::UnknownUpload { upload: building.upload }));
}

#[test]
fn an_agent_that_is_killed_at_any_moment_of_a_build_leaves_nothing() {
    let mut house = House::new();
    let mut repository = Repository::that_boots();
    let install = "post_install() { echo probe here; sleep 2; }";
    repository.package("slow", install, |tree| {
        fs::create_dir_all(tree.join("opt")).expect("made");
        fs::write(tree.join("opt/large"), vec![7; 20 << 20]).expect("written");
    });
    let recipe = repository.recipe("");
    for moment in ["", "databases", "packages", "probe here", "users and services", "a file system", "done:"] {
        let building = Building::begin(&house, &recipe, &repository.site()).expect("begun");
        building.until(moment);
        let upload = house.layout.upload(building.upload);
        house.kill_agent();
        // Its processes end by themselves, before another agent is there.
        let gone = soon(Duration::from_secs(10), || left(&house).iter().all(|left| !left.starts_with("process")));
        assert!(gone, "{moment}: {:?}", left(&house));
        house.start_agent();
        assert_eq!(left(&house), [""; 0], "{moment}");
        let whole = upload.join("disk").exists().then(|| sum(&upload.join("disk")));
        let (_, again) = built(&house, &recipe, &repository.site());
        assert!(whole.is_none_or(|whole| whole == again), "{moment}: half a disk");
    }
}

/// The machine's own mirror, and the suite that it is of.
#[test]
#[ignore = "make test-full: the image is made of a hundred packages"]
fn a_debian_of_a_recipe_boots_with_its_name_user_and_key_and_is_the_same_each_time() {
    let mut house = House::new();
    let kernel = crate::tree::our_own(&mut house);
    let release = fs::read_to_string("/etc/os-release").expect("a distribution");
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("has a name");
    let recipe = format!(
        "name = 'debian'\nversion = '1'\nsuite = '{suite}'\npackages = ['apt', 'openssh-server']\nservices = ['ssh.service']\n\
         first_boot = ['ssh-keygen -A']\n{}",
        ANNA.replace("wheel", "adm")
    );
    let mirrors = umbel_recipe::Recipe::parse(&recipe).expect("fine").mirrors();
    let site = Site::Mirrors(mirrors);
    let building = Building::begin(&house, &recipe, &site).expect("begun");
    let (log, state) = building.end();
    assert_eq!(state, BuildState::Done {}, "{log}");
    let first = sum(&building.disk());
    import(&house, "debian-1", building.upload).expect("imported");
    building.forget();

    let guest = GuestId(uuid::Uuid::now_v7());
    disk(&house, guest, "debian-1", 1024).expect("made");
    let memory = umbel_guest::Memory::from_mib(256).expect("memory");
    let start = StartOrder { image: id("debian-1"), disk: size(1024), kernel, memory, ..order(guest, 2) };
    let mut console = Console::boot(&house, &start);
    console.type_in("id anna; cat /home/anna/.ssh/authorized_keys; grep ^deb /etc/apt/sources.list; until systemctl is-active ssh; do sleep 1; done");
    console.until("(adm)");
    console.until("ssh-ed25519 AAAA anna@example\r\n");
    console.until("http://deb.debian.org/debian ");
    console.until("\nactive");
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    house.done(&Request::Purge { guest, generation: generation(4) }).expect("purged");
    let (_, second) = built(&house, &recipe, &site);
    assert_eq!(first, second);
}
