//! The table: what is tried, and which walls stand in its way.

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attacker {
    /// A program in the place of the guest's kernel, with all that a kernel's process may: [`crate::attacks`].
    Kernel,
    /// Root in a guest, through a real kernel.
    Root,
}

/// One way to steal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// For [`Attacker::Kernel`] the name of the attack.
    pub name: &'static str,
    /// The walls that each hold it, in the words of `umbel-agent serve --without-wall`: without all of them
    /// it steals.
    pub walls: &'static [&'static str],
    pub attacker: Attacker,
    /// How, in a breath.
    pub how: &'static str,
}

const CAPABILITIES: &str = "capabilities";
const CGROUP: &str = "cgroup";
const DEVICES: &str = "devices";
const GROUP: &str = "group";
const IPC: &str = "ipc namespace";
const LANDLOCK: &str = "landlock";
const LIMITS: &str = "limits";
const MOUNT: &str = "mount namespace";
const NETWORK: &str = "network namespace";
const NO_NEW: &str = "no new privileges";
const PID: &str = "pid namespace";
const ROOT: &str = "root directory";
const SECCOMP: &str = "seccomp";
const UID: &str = "uid";
const UTS: &str = "uts namespace";

const fn kernel(name: &'static str, walls: &'static [&'static str], how: &'static str) -> Probe {
    Probe { name, walls, attacker: Attacker::Kernel, how }
}

const fn root(name: &'static str, walls: &'static [&'static str], how: &'static str) -> Probe {
    Probe { name, walls, attacker: Attacker::Root, how }
}

pub const PROBES: &[Probe] = &[
    // Files.
    kernel("host-file", &[ROOT], "opens /etc/passwd"),
    kernel("host-list", &[ROOT], "lists the panel's data directory"),
    kernel("panel-file", &[ROOT], "opens a file of the panel's data that everybody may read"),
    kernel("walk-up", &[ROOT], "walks up 32 directories and down to /etc/passwd"),
    kernel("host-program", &[ROOT], "runs a program of the host"),
    kernel("disk-program", &[ROOT], "maps its own disk as a program"),
    kernel("set-user-id", &[ROOT, NO_NEW], "runs a program that belongs to root and has the set-user-ID bit"),
    kernel("host-write", &[ROOT, LANDLOCK], "makes a file where everybody may make files"),
    kernel("sibling-disk-read", &[ROOT, UID], "reads another guest's disk by its path"),
    kernel("sibling-disk-write", &[ROOT, UID, LANDLOCK], "writes to another guest's disk by its path"),
    kernel("sibling-volume-write", &[ROOT, UID, LANDLOCK], "writes to another guest's volume by its path"),
    kernel("sibling-ring", &[ROOT, GROUP], "reads another guest's console history by its path"),
    kernel("agent-socket", &[ROOT, GROUP], "connects to the agent"),
    kernel("sibling-shim-socket", &[ROOT, GROUP], "connects to another guest's shim"),
    kernel("file-handle", &[CAPABILITIES, SECCOMP], "opens the root directory of the disk's file system by its number"),
    kernel("sibling-notices", &[MOUNT, UID], "speaks to another guest's shim as if it were that guest's kernel"),
    kernel("fill-work", &[MOUNT], "writes more to its own directory than the guest has memory"),
    kernel("many-names", &[MOUNT], "makes thousands of files in its own directory, each of which the host remembers"),
    // Devices.
    kernel("terminals", &[DEVICES], "opens the host's terminals"),
    kernel("full", &[DEVICES], "opens a device that no guest has a use for"),
    kernel("console-log", &[DEVICES, CAPABILITIES], "opens the host's kernel log"),
    kernel("host-device", &[DEVICES, CAPABILITIES], "opens a device that is root's alone"),
    kernel("tap-node", &[DEVICES, CAPABILITIES], "opens the host's /dev/net/tun"),
    // Processes.
    kernel("host-process-seen", &[PID], "reads the name of a process of the host out of /proc"),
    kernel("sibling-signal", &[PID, UID, LANDLOCK], "signals another guest's kernel"),
    kernel("sibling-trace", &[PID, UID, LANDLOCK], "traces another guest's kernel"),
    kernel("sibling-environment", &[PID, UID, LANDLOCK], "reads the environment of another guest's kernel"),
    kernel("sibling-root", &[PID, UID, LANDLOCK], "finds another guest's disk through /proc/PID/root"),
    kernel("sibling-memory-file", &[PID, UID, LANDLOCK], "opens the memory of another guest's kernel"),
    kernel("sibling-memory-call", &[PID, UID, LANDLOCK, SECCOMP], "reads memory of another guest's kernel"),
    kernel("sibling-descriptor", &[PID, UID, LANDLOCK, SECCOMP], "takes a descriptor of another guest's kernel"),
    kernel("shim-trace", &[CAPABILITIES], "traces its own shim, which has the same user"),
    kernel("host-namespace", &[PID, CAPABILITIES, LANDLOCK, SECCOMP], "enters the host's network namespace"),
    kernel("host-shared-memory-seen", &[IPC], "finds the host's shared memory in /proc"),
    kernel("host-shared-memory", &[IPC, SECCOMP], "attaches shared memory of the host"),
    kernel("name-shared", &[UTS], "has the host's name for its own"),
    kernel("host-name", &[UTS, CAPABILITIES, SECCOMP], "names the host"),
    // Network.
    kernel("host-ports-seen", &[NETWORK], "finds a listening port of the host in /proc"),
    kernel("host-sockets-seen", &[NETWORK], "finds the agent's socket in /proc"),
    kernel("host-cards-seen", &[NETWORK], "finds a card of the host in /proc"),
    kernel("host-loopback", &[NETWORK, LANDLOCK, SECCOMP], "connects to 127.0.0.1"),
    kernel("abstract-socket", &[NETWORK, LANDLOCK], "connects to an abstract socket of the host"),
    kernel("raw-socket", &[CAPABILITIES, SECCOMP], "opens a raw socket"),
    kernel("packet-socket", &[CAPABILITIES, SECCOMP], "opens a packet socket"),
    kernel("inet-socket", &[SECCOMP], "opens a socket for the internet protocol"),
    kernel("netlink-socket", &[SECCOMP], "opens a socket to the host's routing"),
    kernel("sibling-tap", &[UID], "attaches to another guest's tap, in the network of the same owner"),
    kernel("new-tap", &[CAPABILITIES], "makes a tap of its own"),
    // Rights.
    kernel("capabilities", &[CAPABILITIES], "has a capability in any of its sets"),
    kernel("become-root", &[CAPABILITIES, SECCOMP], "becomes uid 0"),
    kernel("become-groups", &[CAPABILITIES, SECCOMP], "changes its groups"),
    kernel("mount", &[CAPABILITIES, LANDLOCK, SECCOMP], "mounts a file system"),
    kernel("new-mount", &[CAPABILITIES, SECCOMP], "begins a mount the new way"),
    kernel("make-device", &[CAPABILITIES, DEVICES, SECCOMP], "makes a node of the host's disk"),
    kernel("change-root", &[CAPABILITIES, SECCOMP], "changes its root directory"),
    kernel("own-network", &[CAPABILITIES, SECCOMP], "makes a network namespace"),
    kernel("priority", &[CAPABILITIES, SECCOMP], "takes precedence over the host's processes"),
    kernel("kernel-log", &[CAPABILITIES, SECCOMP], "reads the host's kernel log"),
    kernel("bpf", &[CAPABILITIES, SECCOMP], "makes a BPF map"),
    // Parts of the host's kernel that a guest has no use for.
    kernel("own-user-namespace", &[SECCOMP], "makes a user namespace, where it would have every right"),
    kernel("perf", &[SECCOMP], "counts with perf_event_open"),
    kernel("io-uring", &[LIMITS, SECCOMP], "sets up io_uring"),
    kernel("user-faults", &[SECCOMP], "takes page faults with userfaultfd"),
    kernel("keys", &[SECCOMP], "adds a key"),
    kernel("sibling-key", &[UID, SECCOMP], "finds a key that another guest has left in the ring of its user"),
    kernel("type-into-terminal", &[SECCOMP], "types into its terminal with TIOCSTI"),
    // Taking more than one's own.
    kernel("descriptors", &[LIMITS], "opens more descriptors than a guest may"),
    kernel("long-file", &[LIMITS], "makes its disk 16 GiB long"),
    kernel("locked-memory", &[LIMITS], "locks memory"),
    kernel("processes", &[CGROUP], "starts more processes than a guest may"),
    kernel("memory", &[CGROUP], "uses more memory than a guest has"),
    kernel("outlive-shim", &[CGROUP, PID], "leaves a process behind that goes on when the shim is killed"),
    // Root in a guest.
    root("hostfs", &[ROOT], "mounts the host's file system by an absolute path, by .. and by /proc"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_its_own_name_and_the_kernels_attacks_are_there() {
        let names: BTreeSet<_> = PROBES.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), PROBES.len());
        for probe in PROBES.iter().filter(|probe| probe.attacker == Attacker::Kernel) {
            assert!(crate::attacks::find(probe.name).is_some(), "{}", probe.name);
        }
    }
}
