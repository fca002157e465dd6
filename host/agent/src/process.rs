//! Processes as the process table knows them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use crate::ledger::Run;

/// How long killing may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Start time in clock ticks since boot (proc(5), stat field 22), `None` if there is no such process.
pub fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, parentheses and spaces too: fields begin after its last one.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// The same until the machine is started again.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// A descriptor of the very process that was started then, if it still runs.
pub fn open(run: &Run) -> Option<OwnedFd> {
    open_process(run.pid, run.start_time, &run.boot_id)
}

/// The same of any process.
pub fn open_process(number: i32, started: u64, boot: &str) -> Option<OwnedFd> {
    if boot_id().ok()? != boot {
        return None;
    }
    let pid = rustix::process::Pid::from_raw(number)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Looked at after it was opened: now the number can't be given to another.
    (start_time(number)? == started).then_some(pidfd)
}

/// Takes the exit of a child of ours off the table; whoever else it belongs to does it themselves.
pub fn reap(pid: i32) {
    // ECHILD: it was started by an earlier agent.
    let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
}

/// The same of a child that is on its way out.
pub fn wait_for(pid: i32) {
    // ECHILD: it is not ours.
    let _ = waitpid(Pid::from_raw(pid), None);
}

/// Kills every process whose working directory is `work`: where there is neither cgroup nor PID
/// namespace that is what a guest's processes have in common.
pub fn end_all_in(work: &Path) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let pids = working_in(work)?;
        if pids.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("processes {pids:?} don't end")));
        }
        for pid in pids {
            // ESRCH: it has just ended.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            reap(pid);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn working_in(work: &Path) -> io::Result<Vec<i32>> {
    let processes = fs::read_dir("/proc")?.filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid: &i32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == work)).collect())
}

/// The process and all that it has started, as far as they are there.
pub fn descendants(pid: i32) -> BTreeSet<i32> {
    let (mut all, mut next) = (BTreeSet::from([pid]), vec![pid]);
    while let Some(pid) = next.pop() {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
        let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        for child in children.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()) {
            if let Ok(child) = child.parse()
                && all.insert(child)
            {
                next.push(child);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_pid_that_was_given_away_is_not_the_run() {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let run = Run {
            pid,
            start_time: start_time(pid).expect("we run"),
            boot_id: boot_id().expect("there"),
            generation: umbel_guest::Generation::FIRST,
        };
        assert!(open(&run).is_some());
        assert!(open(&Run { start_time: run.start_time + 1, ..run.clone() }).is_none());
        assert!(open(&Run { boot_id: "another".into(), ..run }).is_none());
    }

    #[test]
    fn only_processes_of_that_directory_are_ended() {
        let (a, b) = (tempfile::tempdir().expect("tmp"), tempfile::tempdir().expect("tmp"));
        let sleep = |dir: &Path| Command::new("sleep").arg("60").current_dir(dir).spawn().expect("sleeps");
        let (mut ended, mut stays) = (sleep(a.path()), sleep(b.path()));
        end_all_in(a.path()).expect("ended");
        assert!(stays.try_wait().expect("waits").is_none());
        stays.kill().expect("ours");
        let _ = (ended.wait(), stays.wait());
    }
}
