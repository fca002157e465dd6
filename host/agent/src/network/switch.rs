//! A real `vde_switch` for each network that has guests on one: a small process of the network's own
//! user, which outlives the agent and is found again by pid, start time and boot.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Uid;
use rustix::fs::{FileType, Mode, OFlags};
use umbel_guest::{Attachment, GuestId, NetworkId};

use super::cable::{self, Cable};
use super::program::find;
use super::record::{Process, Record};
use super::{NetworkError, Networks, names, plugged_mut};
use crate::{beneath, process};

/// As many as a /24 has guests.
const PORTS: &str = "254";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(3);

impl Networks {
    /// The switch that a running guest is on, as a descriptor that is readable once it has ended. If its own
    /// has ended already it is put on a new one first. `None` if it is on no switch.
    pub fn on_a_switch(&self, guest: GuestId, shim: &OwnedFd) -> Result<Option<OwnedFd>, NetworkError> {
        let mut known = self.lock();
        let Some((network, record)) = plugged_mut(&mut known, guest) else { return Ok(None) };
        let Some(plug) = record.plugs.get(&guest).filter(|plug| plug.attachment == Attachment::Switch) else {
            return Ok(None);
        };
        if let Some(switch) = plug.switch.as_ref().and_then(open) {
            return Ok(Some(switch));
        }
        let switch = self.standing_switch(network, record)?;
        cable::rejoin(&names::switch(&self.layout, network), record.group, guest, &switch, shim)?;
        tracing::info!(%guest, %network, "a guest is on a new switch");
        let open = open(&switch);
        self.now_on(network, record, guest, switch)?;
        // One that has ended since is found ended by the next call.
        open.map(Some).ok_or_else(|| NetworkError::Switch {
            directory: names::switch(&self.layout, network),
            source: io::Error::other("it ended at once"),
        })
    }

    pub(super) fn plug_into_switch(
        &self,
        network: NetworkId,
        record: &mut Record,
        guest: GuestId,
    ) -> Result<Cable, NetworkError> {
        let switch = self.standing_switch(network, record)?;
        let cable = cable::join(&names::switch(&self.layout, network), record.group, guest, &switch)?;
        self.now_on(network, record, guest, switch)?;
        Ok(cable)
    }

    /// With its last guest the switch goes.
    pub(super) fn unplug_from_switch(
        &self,
        network: NetworkId,
        record: &mut Record,
        guest: GuestId,
    ) -> Result<(), NetworkError> {
        let directory = names::switch(&self.layout, network);
        cable::unplug(&directory, guest)?;
        if record.plugged(Attachment::Switch).next().is_none() {
            end(&directory, record.switch.take().as_ref())?;
        }
        Ok(())
    }

    /// The network's switch, started if there is none.
    fn standing_switch(&self, network: NetworkId, record: &mut Record) -> Result<Process, NetworkError> {
        if let Some(switch) = record.switch.as_ref().filter(|switch| open(switch).is_some()) {
            return Ok(switch.clone());
        }
        let switch = start(&names::switch(&self.layout, network), record.group)?;
        record.switch = Some(switch.clone());
        self.records.save(network, record)?;
        Ok(switch)
    }

    fn now_on(
        &self,
        network: NetworkId,
        record: &mut Record,
        guest: GuestId,
        switch: Process,
    ) -> Result<(), NetworkError> {
        if let Some(plug) = record.plugs.get_mut(&guest) {
            plug.switch = Some(switch);
        }
        self.records.save(network, record)
    }
}

/// Starts one in a directory of its own. What an earlier one left there goes, but for the ends of guests'
/// cables: those are plugged into the new one.
pub fn start(directory: &Path, user: u32) -> Result<Process, NetworkError> {
    let failed = |source| NetworkError::Switch { directory: directory.to_owned(), source };
    let program = find("vde_switch", "vde2")?;
    // A session of its own: neither Ctrl-C nor a closed terminal of the agent is meant for it.
    let session = find("setsid", "util-linux")?;
    stop_leftovers(directory).map_err(failed)?;
    remove_all(&sockets(directory)).map_err(failed)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(directory.parent().unwrap_or(directory));
    // Only in the inner one may the switch make names.
    let made = made.and_then(|()| fs::DirBuilder::new().recursive(true).mode(0o711).create(directory));
    let made = made.and_then(|()| fs::DirBuilder::new().mode(0o700).create(sockets(directory)));
    made.map_err(failed)?;
    let mut command = Command::new(session);
    command.arg(program).args(["--numports", PORTS, "--mode", "0600", "--sock"]).arg(sockets(directory));
    command.env_clear().env("HOME", directory).current_dir(directory);
    // It ends at the end of its standard input: this one never has anything to read, nor an end.
    let silence = OwnedFd::from(UnixDatagram::unbound().map_err(failed)?);
    command.stdin(silence).stdout(Stdio::null()).stderr(Stdio::null());
    if Uid::effective().is_root() {
        chown(sockets(directory), Some(user), Some(user)).map_err(failed)?;
        // With the user the other groups go as well.
        command.uid(user).gid(user);
    }
    let mut child = command.spawn().map_err(failed)?;
    let pid = i32::try_from(child.id()).map_err(|e| failed(io::Error::other(e)))?;
    let until = Instant::now() + PATIENCE;
    while control(directory, user).is_err() {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Err(failed(io::Error::other(format!("it ended at once, {status}"))));
        }
        if Instant::now() > until {
            return Err(failed(io::Error::new(io::ErrorKind::TimedOut, "it doesn't listen")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let start_time = process::start_time(pid).unwrap_or_default();
    Ok(Process { pid, start_time, boot_id: process::boot_id().map_err(failed)? })
}

/// A descriptor of it that is readable once it has ended; `None` if it has.
pub fn open(switch: &Process) -> Option<OwnedFd> {
    let pidfd = process::open_process(switch.pid, switch.start_time, &switch.boot_id)?;
    // One that has ended is in the process table until somebody has asked for its status.
    let ended = poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO);
    if ended.is_ok_and(|ready| ready > 0) {
        process::reap(switch.pid);
        return None;
    }
    Some(pidfd)
}

/// Ends it and removes its directory. Repeating it does no harm.
pub fn end(directory: &Path, switch: Option<&Process>) -> Result<(), NetworkError> {
    if let Some(switch) = switch
        && let Some(pidfd) = process::open_process(switch.pid, switch.start_time, &switch.boot_id)
    {
        // ESRCH: it has just ended.
        let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
        process::wait_for(switch.pid);
    }
    let gone = stop_leftovers(directory).and_then(|()| remove_all(directory));
    gone.map_err(|source| NetworkError::Switch { directory: directory.to_owned(), source })
}

fn sockets(directory: &Path) -> PathBuf {
    directory.join("s")
}

/// A connection to the switch.
pub(super) fn control(directory: &Path, user: u32) -> io::Result<UnixStream> {
    OwnSocket::open(directory, &sockets(directory).join("ctl"), user).and_then(|ctl| UnixStream::connect(ctl.place()))
}

/// A socket's file where the switch may swap names: for as long as this is open it is the same, and it is one that
/// the switch has made itself.
pub(super) struct OwnSocket(OwnedFd);

impl OwnSocket {
    pub(super) fn open(directory: &Path, path: &Path, user: u32) -> io::Result<Self> {
        let file = beneath::open(directory, path, OFlags::PATH, Mode::empty())?;
        let facts = rustix::fs::fstat(&file)?;
        let owner = if Uid::effective().is_root() { user } else { Uid::effective().as_raw() };
        if facts.st_uid == owner && FileType::from_raw_mode(facts.st_mode) == FileType::Socket {
            return Ok(Self(file));
        }
        Err(io::Error::other(format!("{} is no socket of the switch's own", path.display())))
    }

    /// Where connect(2) finds it, whatever its name means meanwhile.
    pub(super) fn place(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// Processes that work in the directory.
fn stop_leftovers(directory: &Path) -> io::Result<()> {
    if directory.exists() { process::end_all_in(directory) } else { Ok(()) }
}

fn remove_all(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_a_socket_that_the_switch_has_made_is_connected_to() {
        let dir = tempfile::tempdir().expect("tmp");
        let (directory, me) = (dir.path(), Uid::effective().as_raw());
        fs::create_dir(sockets(directory)).expect("made");
        let ctl = sockets(directory).join("ctl");
        let _listener = UnixListener::bind(&ctl).expect("bound");
        assert!(control(directory, me).is_ok());
        symlink("ctl", sockets(directory).join("link")).expect("linked");
        fs::write(sockets(directory).join("file"), "").expect("written");
        let refused = |path: &Path| OwnSocket::open(directory, path, me).is_err();
        assert!(refused(&sockets(directory).join("link")) && refused(&sockets(directory).join("file")));
        assert!(refused(Path::new("/run/elsewhere")));
        if Uid::effective().is_root() {
            assert!(control(directory, 150_000_000).is_err(), "somebody else's");
        }
    }
}
