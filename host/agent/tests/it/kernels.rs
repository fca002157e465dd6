//! The catalogue of kernels: what each was found to be able to, how uploads come in and go, and what
//! becomes of those that are no kernels.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::stat::Mode;
use umbel_guest::{Exit, GuestId, KernelId, KernelMode, KernelOrigin, UploadId};
use umbel_wire::agent::{KernelFacts, Refusal, Reply, Request, StopHow};

use crate::console::Console;
use crate::harness::{House, order, rounds};
use crate::network::ends_well;

pub(crate) fn kernels(house: &House) -> Vec<KernelFacts> {
    match house.connect().ask(&Request::Kernels {}) {
        Reply::Kernels { kernels } => kernels,
        other => panic!("{other:?}"),
    }
}

fn id(name: &str) -> KernelId {
    name.parse().expect("a slug")
}

fn the_distributions(directory: &Path) {
    fs::copy("/usr/bin/linux.uml", directory.join("linux")).expect("copied");
}

fn add(house: &House, name: &str, upload: UploadId) -> Result<(), Refusal> {
    house.done(&Request::KernelAdd { kernel: id(name), upload })
}

fn remove(house: &House, name: &str) -> Result<(), Refusal> {
    house.done(&Request::KernelRemove { kernel: id(name) })
}

fn uploaded(house: &House) -> Vec<String> {
    let names = fs::read_dir(house.layout.kernels()).into_iter().flatten().filter_map(Result::ok);
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Our own build, which `make kernel` and `make test` make.
pub(crate) fn built() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kernel/build.sh");
    let output = Command::new(script).arg("cached").output().expect("runs");
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    assert!(path.is_file(), "the tests need our own kernel: run `make kernel` first");
    path
}

/// Starts the agent anew with more arguments.
pub(crate) fn with(house: &mut House, more: &[&str]) {
    house.kill_agent();
    let mut command = house.command();
    command.arg("serve").args(house.places()).args(more).stderr(house.log_file());
    house.start(command);
}

/// Where the agent of this house is told to look for our own build.
pub(crate) fn lay_out(house: &House) -> String {
    let directory = house.layout.data().join("built");
    fs::create_dir_all(directory.join("ours")).expect("made");
    fs::copy(built(), directory.join("ours/linux")).expect("copied");
    directory.display().to_string()
}

#[test]
fn what_a_kernel_can_is_asked_of_it_and_our_own_build_is_the_default() {
    let mut house = House::new();
    let all = kernels(&house);
    let [debian] = &all[..] else { panic!("{all:?}") };
    assert!(debian.is_default && debian.origin == KernelOrigin::Machine);
    let can = &debian.features;
    assert!(can.hostfs && can.cow && can.vector && can.file_systems.contains(&"ext4".to_owned()), "{can:?}");
    assert_eq!(can.modes[0], KernelMode::Strict);

    let directory = lay_out(&house);
    with(&mut house, &["--kernels", &directory]);
    let all = kernels(&house);
    let [ours, other] = &all[..] else { panic!("{all:?}") };
    assert!(ours.is_default && !other.is_default && ours.origin == KernelOrigin::Built, "{all:?}");
    assert!(ours.id.as_str().starts_with("umbel-"), "{ours:?}");
    let can = &ours.features;
    assert_eq!(can.modes, [KernelMode::Strict, KernelMode::Fast]);
    assert!(can.hostfs && can.cow && can.vector && can.time_travel && can.ip_config, "{can:?}");
    assert!(!can.tuntap && !can.vde, "newer kernels have lost the old drivers: {can:?}");
}

#[test]
fn an_upload_becomes_a_kernel_that_guests_run_and_cannot_be_taken_from_them() {
    let house = House::new();
    house.prepare();
    let came = house.upload(the_distributions);
    add(&house, "mine-1", came).expect("added");
    add(&house, "mine-1", came).expect("added already");
    fs::remove_dir_all(house.layout.upload(came)).expect("removed");
    add(&house, "mine-1", came).expect("it is there, whatever became of the upload");
    let facts = kernels(&house).into_iter().find(|kernel| kernel.id == id("mine-1")).expect("listed");
    assert!(facts.origin == KernelOrigin::Uploaded && !facts.is_default, "{facts:?}");

    let guest = house.new_guest();
    let start = umbel_wire::agent::StartOrder { kernel: id("mine-1"), ..order(guest, 2) };
    let _console = Console::boot(&house, &start);
    assert_eq!(remove(&house, "mine-1"), Err(Refusal::KernelInUse { kernel: id("mine-1") }));
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    remove(&house, "mine-1").expect("nobody uses it");
    remove(&house, "mine-1").expect("gone already");
    assert_eq!(uploaded(&house), [""; 0]);
    let refused = house
        .done(&Request::Start(umbel_wire::agent::StartOrder { generation: crate::harness::generation(4), ..start }));
    assert_eq!(refused, Err(Refusal::UnknownKernel { kernel: id("mine-1") }));
    let machines = kernels(&house)[0].id.clone();
    assert!(matches!(remove(&house, machines.as_str()), Err(Refusal::NotHere { .. })));
    let came = house.upload(the_distributions);
    assert!(matches!(add(&house, machines.as_str(), came), Err(Refusal::BadKernel { .. })), "a name is taken");
}

#[test]
fn an_agent_that_is_killed_while_a_kernel_comes_or_goes_leaves_none_or_all_of_it() {
    let mut house = House::new();
    let came = house.upload(the_distributions);
    for round in 0..rounds() as u64 * 4 {
        for request in
            [Request::KernelAdd { kernel: id("mine-1"), upload: came }, Request::KernelRemove { kernel: id("mine-1") }]
        {
            house.connect().tell(&request);
            std::thread::sleep(Duration::from_millis(round * 7 % 60));
            house.kill_agent();
            house.start_agent();
            let names = uploaded(&house);
            assert!(names.is_empty() || names == ["mine-1"], "{names:?}");
            house.done(&request).expect("repeated");
        }
    }
    assert_eq!(uploaded(&house), [""; 0]);
}

/// Where this machine has its own packages from.
fn mirror() -> String {
    let files = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().filter_map(Result::ok);
    let files = files.map(|entry| entry.path()).chain(["/etc/apt/sources.list".into()]);
    let texts: Vec<String> = files.filter_map(|path| fs::read_to_string(path).ok()).collect();
    let mut words = texts.iter().flat_map(|text| text.split_whitespace());
    let is_debians = |word: &&str| word.contains("://") && word.trim_end_matches('/').ends_with("/debian");
    words.find(is_debians).expect("this test needs a mirror of Debian in /etc/apt").to_owned()
}

/// Unpacks the newest packages of Debian's unstable suite there. The machine's own lists stay as they are.
fn unstable(place: &Path, packages: &[&str]) {
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::create_dir_all(place.join("lists/partial")).expect("made");
    fs::create_dir_all(place.join("archives/partial")).expect("made");
    let source = format!("deb [signed-by={keyring}] {} unstable main\n", mirror());
    fs::write(place.join("sources.list"), source).expect("written");
    let at = place.display();
    let configuration = format!(
        "Dir::Etc::SourceList \"{at}/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{at}/lists\";\nDir::Cache \"{at}\";\nAcquire::Languages \"none\";\n\
         APT::Sandbox::User \"\";\nAPT::Update::Error-Mode \"any\";\n"
    );
    fs::write(place.join("apt.conf"), configuration).expect("written");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(arguments).env("APT_CONFIG", place.join("apt.conf")).current_dir(place).output();
        let output = output.expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "this test needs a mirror of Debian: {program} {arguments:?} failed: {said}");
    };
    run("apt-get", &["-q", "update"]);
    let newest: Vec<String> = packages.iter().map(|package| format!("{package}/unstable")).collect();
    let newest: Vec<&str> = newest.iter().map(String::as_str).collect();
    run("apt-get", &[&["-q", "download"], newest.as_slice()].concat());
    for file in fs::read_dir(place).expect("there").map(|entry| entry.expect("read").path()) {
        if file.extension().is_some_and(|ending| ending == "deb") {
            run("dpkg-deb", &["-x", &file.display().to_string(), "unpacked"]);
        }
    }
}

#[test]
#[ignore = "it downloads 50 MB from a mirror of Debian: part of the long matrix"]
fn a_kernel_of_another_release_comes_with_its_c_library_and_guests_boot_with_it() {
    let house = House::new();
    house.prepare();
    let place = tempfile::tempdir_in("/var/tmp").expect("made");
    unstable(place.path(), &["user-mode-linux", "libc6"]);
    let unpacked = place.path().join("unpacked");
    // As the panel takes packages apart.
    let fill = |directory: &Path| {
        fs::copy(unpacked.join("usr/bin/linux.uml"), directory.join("linux")).expect("in the package");
        fs::create_dir(directory.join("lib")).expect("made");
        let libraries = fs::read_dir(unpacked.join("usr/lib/x86_64-linux-gnu")).expect("in the package");
        for library in libraries.map(|entry| entry.expect("read").path()) {
            let name = library.file_name().expect("a name").to_string_lossy().into_owned();
            if library.is_file() && name.contains(".so") {
                fs::copy(&library, directory.join("lib").join(name)).expect("copied");
            }
        }
    };
    let alone = house.upload(|directory| {
        fs::copy(unpacked.join("usr/bin/linux.uml"), directory.join("linux")).expect("in the package");
    });
    match add(&house, "alone-1", alone) {
        Err(Refusal::BadKernel { reason, .. }) => assert!(reason.contains("GLIBC_"), "{reason}"),
        other => panic!("{other:?}; this machine has become as new as unstable"),
    }
    add(&house, "unstable-1", house.upload(fill)).expect("a kernel");
    let facts = kernels(&house).into_iter().find(|kernel| kernel.id == id("unstable-1")).expect("listed");
    let mut number = 2;
    for mode in facts.features.modes {
        let guest = house.new_guest();
        let start = umbel_wire::agent::StartOrder { kernel: id("unstable-1"), mode, ..order(guest, number) };
        let mut console = Console::boot(&house, &start);
        assert!(ends_well(&mut console, "grep -q root /etc/passwd && echo x >/root/x && sync"), "{}", console.text);
        house.stop(guest, number + 1, StopHow::ShutDown).expect("asked");
        assert_eq!(house.ended(guest), Exit::PoweredOff);
        number += 2;
    }
}

/// A program that says of itself that it is a kernel.
fn program(directory: &Path, body: &str) {
    let source = directory.join("source.c");
    let said = "__attribute__((used)) static const char *said = \"User Mode Linux\";\n\
                __attribute__((used)) static const char *version = \"Linux version 9.9.9 (x)\";\n";
    fs::write(&source, format!("#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\n{said}{body}"))
        .expect("written");
    let compiled = Command::new("cc").arg("-o").arg(directory.join("linux")).arg(&source).status();
    assert!(compiled.expect("cc runs").success());
    fs::remove_file(source).expect("removed");
}

#[test]
fn what_is_no_kernel_is_refused_by_name_and_nothing_of_it_stays() {
    let house = House::new();
    let pipe = |path: &Path| nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)).expect("a pipe");
    let with_library = |directory: &Path| {
        the_distributions(directory);
        fs::create_dir(directory.join("lib")).expect("made");
    };
    type Fill<'a> = Box<dyn Fn(&Path) + 'a>;
    let hostile: Vec<(Fill<'_>, &str)> = vec![
        (Box::new(|_| {}), "linux in the upload"),
        (Box::new(|d| symlink("/usr/bin/linux.uml", d.join("linux")).expect("linked")), "linux in the upload"),
        (Box::new(|d| pipe(&d.join("linux"))), "no regular file"),
        (Box::new(|d| fs::create_dir(d.join("linux")).expect("made")), "no regular file"),
        (
            Box::new(|d| fs::File::create(d.join("linux")).expect("made").set_len(300 << 20).expect("long")),
            "larger than 256 MiB",
        ),
        (Box::new(|d| fs::write(d.join("linux"), "#!/bin/sh\n").expect("written")), "not an ELF program"),
        (
            Box::new(|d| assert!(fs::copy("/bin/true", d.join("linux")).expect("copied") > 0)),
            "no User-Mode Linux kernel",
        ),
        (Box::new(|d| program(d, "int main(void) { for (;;); }")), "longer than"),
        (
            Box::new(|d| program(d, "int main(void) { for (;;) puts(\"CONFIG_HOSTFS=y, and a long line of it\"); }")),
            "more than",
        ),
        (Box::new(|d| program(d, "int main(void) { puts(\"no\"); return 3; }")), "status 3"),
        (
            Box::new(|d| {
                with_library(d);
                symlink("/etc/shadow", d.join("lib/libc.so.6")).expect("linked");
            }),
            "libc.so.6 in the upload",
        ),
        (
            Box::new(|d| {
                with_library(d);
                fs::write(d.join("lib/.hidden"), "").expect("written");
            }),
            "no name of a library",
        ),
        (
            Box::new(|d| {
                with_library(d);
                (0..40).for_each(|i| fs::write(d.join(format!("lib/lib{i}.so")), "").expect("written"));
            }),
            "more than 32 libraries",
        ),
    ];
    for (fill, words) in hostile {
        let came = house.upload(fill);
        match add(&house, "hostile-1", came) {
            Err(Refusal::BadKernel { reason, .. }) => assert!(reason.contains(words), "{words}: {reason}"),
            other => panic!("{words}: {other:?}"),
        }
        assert_eq!(uploaded(&house), [""; 0], "{words}");
    }

    // The directory itself is somebody else's.
    let real = house.upload(the_distributions);
    let linked = UploadId(uuid::Uuid::now_v7());
    symlink(house.layout.upload(real), house.layout.upload(linked)).expect("linked");
    assert!(matches!(add(&house, "hostile-1", linked), Err(Refusal::BadKernel { .. })));
    let unknown = UploadId(uuid::Uuid::now_v7());
    assert_eq!(add(&house, "hostile-1", unknown), Err(Refusal::UnknownUpload { upload: unknown }));
    assert_eq!(uploaded(&house), [""; 0]);
    assert_eq!(kernels(&house).len(), 1);
}

#[test]
fn a_kernel_that_does_not_come_up_gives_its_own_words_as_the_reason() {
    let house = House::new();
    house.prepare();
    let body = "int main(int n, char **words) {\n\
                if (n > 1 && !strncmp(words[1], \"--\", 2)) { puts(\"CONFIG_HOSTFS=y\"); return 0; }\n\
                puts(\"Checking that ptrace can change system call numbers...it cannot\"); return 3; }";
    add(&house, "early-1", house.upload(|directory| program(directory, body))).expect("it answers");
    let guest: GuestId = house.new_guest();
    house
        .done(&Request::Start(umbel_wire::agent::StartOrder { kernel: id("early-1"), ..order(guest, 2) }))
        .expect("started");
    match house.ended(guest) {
        Exit::NotStarted { reason } => {
            assert!(reason.contains("status 3") && reason.contains("call numbers...it cannot"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
