//! Pausing a guest with signals, without a word to its kernel, which therefore can't refuse.
//!
//! The kernel process is stopped (SIGSTOP). A program of the guest that computes just then would go on
//! by itself until its next system call; it is sent the very signal that its kernel passes on at every
//! tick of the clock (SIGALRM, `os_alarm_process` in arch/um/os-Linux), at which it waits for the
//! kernel in either mode. Once the kernel goes on, that was one tick more. A process that its kernel has
//! only just forked would die of that signal, or run the kernel's own handler for it; it is left alone, and
//! soon waits by itself.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long programs may take to wait for their kernel.
const PATIENCE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(1);

#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    #[error("stopping the kernel")]
    Stop(#[source] nix::Error),
    #[error("looking at the guest's processes")]
    Look(#[source] io::Error),
    #[error("a process of the guest does not stop")]
    Stuck,
}

/// Stops a kernel and its programs; where that can't be, all go on.
pub fn pause(kernel: Pid) -> Result<(), PauseError> {
    kill(kernel, Signal::SIGSTOP).map_err(PauseError::Stop)?;
    let stopped = stop_programs(kernel);
    if stopped.is_err() {
        resume(kernel);
    }
    stopped
}

pub fn resume(kernel: Pid) {
    // A process that is gone has ended, which is told elsewhere.
    let _ = kill(kernel, Signal::SIGCONT);
}

fn stop_programs(kernel: Pid) -> Result<(), PauseError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let family = family(kernel).map_err(PauseError::Look)?;
        let running: Vec<Pid> =
            family.iter().copied().filter(|pid| *pid != kernel && state(*pid) == Some('R')).collect();
        if running.is_empty() && state(kernel) != Some('R') {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(PauseError::Stuck);
        }
        for pid in running.into_iter().filter(|pid| takes_ticks(kernel, *pid)) {
            // ESRCH: it has just ended.
            let _ = kill(pid, Signal::SIGALRM);
        }
        std::thread::sleep(BETWEEN);
    }
}

/// The process and all that descends from it.
fn family(first: Pid) -> io::Result<BTreeSet<Pid>> {
    let (mut found, mut new) = (BTreeSet::from([first]), vec![first]);
    while let Some(pid) = new.pop() {
        let children = match children(pid) {
            Err(_) if pid != first => Vec::new(),
            children => children?,
        };
        new.extend(children.into_iter().filter(|child| found.insert(*child)));
    }
    Ok(found)
}

/// Of all its threads (proc_pid_task(5)).
fn children(pid: Pid) -> io::Result<Vec<Pid>> {
    let mut all = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        all.extend(text.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw));
    }
    Ok(all)
}

/// Whether the kernel has set the process up: a traced one stops at a signal (ptrace(2)), one in seccomp
/// mode has a handler once it runs its own program. Neither is undone while it lives.
fn takes_ticks(kernel: Pid, pid: Pid) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("TracerPid:").is_some_and(|tracer| tracer != "0") {
        return true;
    }
    let caught = field("SigCgt:").and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
    let program = |pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    caught & 1 << (Signal::SIGALRM as u32 - 1) != 0 && program(pid) != program(kernel)
}

/// As proc_pid_stat(5) names it; `R` is running.
fn state(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything: fields begin after its last parenthesis.
    stat.rsplit_once(") ")?.1.chars().next()
}
