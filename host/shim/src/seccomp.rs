//! Which system calls the kernel process and the guest's programs may make of the host (seccomp(2)): what
//! User-Mode Linux was seen to make, and no other.
//!
//! In strict mode anything else ends the guest. In fast mode the guest's programs make real system calls,
//! which the kernel's own filter turns into traps; an outer filter that kills would kill them, and one that
//! answers with an error gives way to the trap. So there the answer is an error.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use umbel_guest::KernelMode;

#[derive(Debug, thiserror::Error)]
#[error("the wall seccomp")]
pub struct SeccompError(#[from] BackendError);

/// What kernels were seen to make, and what their libc makes instead on other hosts. Real guests run under it
/// in the agent's tests (host/agent/tests/it/calls.rs): Debian's 6.1 in strict mode and our own 7.2 in strict
/// and in fast mode, each plugged into a bridge by name and into a switch, with disk writes and discard,
/// programs that start and end, pauses, SysRq, `proc meminfo`, /proc/mconsole and Ctrl-Alt-Del; 7.2 with time
/// travel in both modes besides, and all of these with the host's files as a root that is only read (tree.rs
/// there). Traced by hand with strace(1): the whole of 7.2 in fast mode on a tap,
/// and the main process of 6.1 with the older driver (`eth0=tuntap`), which asks for nothing more.
const ALLOWED: [i64; 118] = [
    libc::SYS_accept4,
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_bind,
    libc::SYS_brk,
    libc::SYS_chdir,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    // Answered by the second filter; its flags lie in memory, where no filter sees them.
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_connect,
    libc::SYS_dup,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_epoll_create,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd2,
    libc::SYS_execve,
    // The kernel starts each program's process out of a file in memory.
    libc::SYS_execveat,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpgrp,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrlimit,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_kill,
    libc::SYS_listen,
    libc::SYS_lseek,
    libc::SYS_lstat,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_mkdir,
    libc::SYS_mmap,
    libc::SYS_modify_ldt,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_open,
    libc::SYS_pause,
    libc::SYS_personality,
    libc::SYS_pipe,
    libc::SYS_pipe2,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_prctl,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_prlimit64,
    libc::SYS_ptrace,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlink,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rmdir,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_seccomp,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setsid,
    libc::SYS_setsockopt,
    libc::SYS_sigaltstack,
    libc::SYS_signalfd4,
    libc::SYS_stat,
    libc::SYS_statfs,
    // A root of the host's files, in kernels of our time.
    libc::SYS_statx,
    libc::SYS_tgkill,
    libc::SYS_timer_create,
    libc::SYS_timer_gettime,
    libc::SYS_timer_settime,
    libc::SYS_timer_delete,
    libc::SYS_uname,
    libc::SYS_unlink,
    libc::SYS_wait4,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Namespaces of one's own would be a way to new rights (clone(2)).
const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Typing into another's terminal, and changing a tap that is the owner's (ioctl_tty(2), kernel:
/// include/uapi/linux/if_tun.h, netdevice(7)).
const FORBIDDEN_IOCTLS: [u64; 6] = [
    0x5412,      // TIOCSTI
    0x541c,      // TIOCLINUX
    0x4004_54cb, // TUNSETPERSIST
    0x4004_54cc, // TUNSETOWNER
    0x4004_54ce, // TUNSETGROUP
    0x8924,      // SIOCSIFHWADDR
];

/// Filters that are ready to be applied where nothing may be allocated any more.
#[derive(Clone, Debug)]
pub struct Filters([BpfProgram; 2]);

impl Filters {
    pub fn new(mode: KernelMode) -> Result<Self, SeccompError> {
        let otherwise = match mode {
            KernelMode::Strict => SeccompAction::KillProcess,
            KernelMode::Fast => SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        };
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
        rules.insert(libc::SYS_clone, vec![rule(&[masked(0, NEW_NAMESPACES, 0)?])?]);
        rules.insert(libc::SYS_socket, vec![rule(&[is(0, libc::AF_UNIX)?])?]);
        rules.insert(libc::SYS_socketpair, vec![rule(&[is(0, libc::AF_UNIX)?])?]);
        let ioctls = FORBIDDEN_IOCTLS
            .iter()
            .map(|&number| SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, number));
        rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(ioctls.collect::<Result<_, _>>()?)?]);
        let allowed = SeccompFilter::new(rules, otherwise, SeccompAction::Allow, TargetArch::x86_64)?;

        // libc then takes clone(2), whose flags can be seen.
        let unknown = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
        let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        let clone3 = SeccompFilter::new(clone3, SeccompAction::Allow, unknown, TargetArch::x86_64)?;
        Ok(Self([clone3.try_into()?, allowed.try_into()?]))
    }

    /// For this thread and all that it starts. Two system calls for each and no allocation, unless it fails.
    pub fn apply(&self) -> Result<(), Error> {
        self.0.iter().try_for_each(|program| apply_filter(program))
    }
}

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.to_vec())
}

fn is(argument: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()))
}

fn masked(argument: u8, mask: i32, value: u64) -> Result<SeccompCondition, BackendError> {
    let mask = SeccompCmpOp::MaskedEq(u64::from(mask.cast_unsigned()));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, mask, value)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    use super::*;

    /// How a shell ends that makes one system call under the filter, through a program of this machine.
    fn run(mode: KernelMode, arguments: &[&str]) -> std::process::ExitStatus {
        let filters = Filters::new(mode).expect("compiles");
        let mut command = Command::new(arguments[0]);
        command.args(&arguments[1..]).stderr(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        #[expect(unsafe_code, reason = "code between fork(2) and execve(2)")]
        // SAFETY: two system calls for each filter and no allocation.
        unsafe {
            command.pre_exec(move || filters.apply().map_err(std::io::Error::other))
        };
        command.status().expect("starts")
    }

    #[test]
    fn a_call_that_no_kernel_makes_ends_the_guest_in_strict_mode_and_fails_in_fast_mode() {
        let program = ["unshare", "--user", "true"];
        assert_eq!(run(KernelMode::Strict, &program).signal(), Some(libc::SIGSYS));
        let fast = run(KernelMode::Fast, &program);
        assert!(fast.code().is_some_and(|code| code != 0), "{fast:?}");
        for mode in [KernelMode::Strict, KernelMode::Fast] {
            assert!(run(mode, &["true"]).success(), "{mode:?}: an ordinary program runs");
        }
    }

    #[test]
    fn arguments_are_looked_at() {
        let perl = |line: &str| run(KernelMode::Fast, &["perl", "-e", line]).code();
        // socket(2): AF_UNIX is 1, AF_INET 2; ioctl(2) with TIOCSTI and with TIOCGWINSZ, on a pipe's end;
        // clone(2) with CLONE_NEWUSER. EPERM is the filter's word, ENOTTY the host's.
        for (line, code) in [
            ("exit(syscall(41, 1, 1, 0) < 0 ? 1 : 0)", 0),
            ("exit(syscall(41, 2, 1, 0) < 0 ? $!+0 : 0)", libc::EPERM),
            ("my $b = 'x'; pipe(R, W); syscall(16, fileno(R), 0x5412, $b); exit($!+0)", libc::EPERM),
            ("my $b = 'x' x 64; pipe(R, W); syscall(16, fileno(R), 0x5413, $b); exit($!+0)", libc::ENOTTY),
            ("exit(syscall(56, 0x10000011, 0, 0, 0, 0) < 0 ? $!+0 : 0)", libc::EPERM),
            ("exit(syscall(435, 0, 0) < 0 ? $!+0 : 0)", libc::ENOSYS),
        ] {
            assert_eq!(perl(line), Some(code), "{line}");
        }
    }
}
