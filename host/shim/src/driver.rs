//! The loop that owns the guest: one poll(2) over the terminal, the kernel's notices, signals, the
//! listening socket and every connection. The terminal is always drained, whoever reads or doesn't.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::libc::TIOCSWINSZ;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::Winsize;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use umbel_guest::{ParcelId, SysRqKey, VolumeAccess};
use umbel_uml::exit::Ended;
use umbel_uml::management::{self, Command, ManagementError, Meminfo, Notice, ProcFile};
use umbel_uml::{BadPath, Disk, Place};
use umbel_wire::agent::{MemoryInside, Said};
use umbel_wire::launch::VolumeDisk;
use umbel_wire::parcel::parcel_file;
use umbel_wire::ring::RunNote;
use umbel_wire::shim::{IN_USE, VERSION, Word};
use umbel_wire::talk::{self, Talk};

use crate::launch::{self, Kernel, LaunchError, Outfit, is_init};
use crate::pause;
use crate::reader::{Reader, Wish};
use crate::run::Run;

/// What may be typed and not yet taken by the guest; beyond it, connections that type are not heard.
const TYPED_MAX: usize = 64 * 1024;
/// The most that is drained from the terminal before others are looked at.
const DRAIN: usize = 256 * 1024;
/// A terminal that held so much may have been full.
const FULL: usize = 512;
/// How long readers may take the last bytes after the end.
const LAST_BYTES: Duration = Duration::from_secs(1);
/// How long the management console may take to answer: a thread of the guest's kernel does, which on a
/// busy host was seen to take more than a second.
const PATIENCE: Duration = Duration::from_secs(3);
const READERS_MAX: usize = 256;
/// Notices that are taken before others are looked at: a guest can send them without end.
const NOTICES: usize = 64;
/// After so long the host has brought what was typed to the kernel's side of the terminal, however busy it is.
const TYPED_IS_THERE: Duration = Duration::from_millis(20);
const PAUSED: &str = "the guest is paused";
const SYS_RQ: &str = "sys_rq";
const VOLUME_ADD: &str = "volume_add";
const VOLUME_TAKE: &str = "volume_take";
const PARCEL_ADD: &str = "parcel_add";
const PARCEL_TAKE: &str = "parcel_take";
/// What kernels answer who have the disk already, who have it no more, and who have it open (arch/um/drivers/ubd_kern.c,
/// mconsole_kern.c).
const HAS_IT: &str = "already configured";
const HAS_IT_NOT: &str = "doesn't exist";
const HAS_IT_OPEN: &str = "currently open";
/// Of what the kernel wrote at its end, for whoever asks why.
const TAIL: u64 = 2048;

nix::ioctl_write_ptr_bad!(set_window_size, TIOCSWINSZ, Winsize);

struct Driver {
    outfit: Outfit,
    kernel: Kernel,
    run: Run,
    readers: Vec<Reader<UnixStream>>,
    typed: Vec<u8>,
    /// When the kernel is signalled once more for what was typed last.
    signal_at: Option<Instant>,
    /// The window has a size that the kernel could not be told of yet.
    size_untold: bool,
    talk: Talk,
}

/// Runs the guest to its end.
pub fn drive(outfit: Outfit) -> Result<(), LaunchError> {
    // Everything that can be blocked is: only SIGKILL, and our own Kill, end a shim.
    let mut signals = SigSet::all();
    signals.remove(Signal::SIGSEGV);
    signals.remove(Signal::SIGBUS);
    signals.thread_block().map_err(LaunchError::Poll)?;
    let mut awaited = SigSet::empty();
    awaited.add(Signal::SIGCHLD);
    let signals = SignalFd::with_flags(&awaited, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC);
    let signals = signals.map_err(LaunchError::Poll)?;

    outfit.listener.set_nonblocking(true).map_err(LaunchError::Notices)?;
    let mut outfit = outfit;
    let kernel = match launch::boot(&outfit.order, outfit.terminal.as_fd()) {
        Ok(kernel) => kernel,
        Err(error) => {
            note_failed_start(&mut outfit, &error);
            return Err(error);
        }
    };
    let mut driver = Driver {
        outfit,
        kernel,
        run: Run::new(now()),
        readers: Vec::new(),
        typed: Vec::new(),
        signal_at: None,
        size_untold: false,
        talk: Talk::new(now()),
    };
    driver.note();
    driver.until_the_end(&signals)?;
    end_descendants();
    Ok(())
}

/// The agent learns from the ring why there never was a kernel.
fn note_failed_start(outfit: &mut Outfit, error: &LaunchError) {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    let exit = umbel_guest::Exit::NotStarted { reason: format!("{error}{source}") };
    let state = umbel_wire::shim::ShimState::Ended { at: now(), exit };
    outfit.ring.note(&RunNote { generation: outfit.order.generation, state });
}

impl Driver {
    fn until_the_end(&mut self, signals: &SignalFd) -> Result<(), LaunchError> {
        let mut leave_at: Option<Instant> = None;
        loop {
            if self.run.has_ended() && leave_at.is_none() {
                leave_at = Some(Instant::now() + LAST_BYTES);
            }
            if let Some(leave_at) = leave_at {
                let end = self.outfit.ring.extent().end;
                if self.readers.iter().all(|r| r.is_caught_up(end)) || Instant::now() >= leave_at {
                    return Ok(());
                }
            }
            let timeout = match (leave_at, self.signal_at) {
                (Some(_), _) => PollTimeout::from(50u8),
                (None, Some(_)) => PollTimeout::from(10u8),
                (None, None) => PollTimeout::NONE,
            };
            let (terminal, others, ready) = self.wait(signals, timeout)?;
            if terminal.contains(PollFlags::POLLIN) {
                let drained = self.drain_terminal(DRAIN);
                if drained > 0 && !self.run.has_terminal() {
                    // What was written after the kernel's answer may be here before it.
                    self.take_notices();
                    self.run.wrote();
                    if self.size_untold && self.run.has_terminal() {
                        self.tell_size();
                    }
                }
                if drained >= FULL {
                    self.signal_once_more();
                }
            }
            if others[0] {
                self.take_notices();
            }
            if others[1] {
                while let Ok(Some(_)) = signals.read_signal() {}
                self.reap();
            }
            if others[2] {
                self.accept();
            }
            self.serve_readers(&ready);
            self.hand_over_typing();
            if self.signal_at.is_some_and(|at| at <= Instant::now()) {
                self.signal_at = None;
                self.signal_once_more();
            }
        }
    }

    /// Waits for something; which of terminal, (notices, signals, listener) and readers is ready.
    fn wait(
        &self,
        signals: &SignalFd,
        timeout: PollTimeout,
    ) -> Result<(PollFlags, [bool; 3], Vec<PollFlags>), LaunchError> {
        let terminal = if self.typed.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
        // Back-pressure: while the guest takes no input, nobody is heard who has brought some. The others
        // acknowledge what they read and may end the guest.
        let is_full = self.typed.len() >= TYPED_MAX;
        let mut fds = vec![
            PollFd::new(self.kernel.master.as_fd(), terminal),
            PollFd::new(self.kernel.notices.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.outfit.listener.as_fd(), PollFlags::POLLIN),
        ];
        for reader in &self.readers {
            let hears = if is_full && reader.types() { PollFlags::empty() } else { PollFlags::POLLIN };
            let wants = if reader.has_unsent() { hears | PollFlags::POLLOUT } else { hears };
            fds.push(PollFd::new(reader.as_fd(), wants));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(LaunchError::Poll(error)),
        }
        let flags: Vec<PollFlags> = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).collect();
        let others = [1, 2, 3].map(|i: usize| !flags[i].is_empty());
        Ok((flags[0], others, flags[4..].to_vec()))
    }

    /// How much there was.
    fn drain_terminal(&mut self, most: usize) -> usize {
        let mut buffer = [0; 16 * 1024];
        let mut drained = 0;
        while drained < most {
            match nix::unistd::read(&self.kernel.master, &mut buffer) {
                Ok(length) if length > 0 => {
                    self.outfit.ring.append(&buffer[..length]);
                    drained += length;
                }
                _ => break,
            }
        }
        drained
    }

    /// A kernel that waits for its terminal waits for SIGIO and then asks epoll, edge-triggered, once. The host sends that
    /// signal a moment before it tells epoll, where there is room (tty_wakeup) and where something was typed
    /// (n_tty_receive_buf), so the kernel may ask too early and would wait for ever. A second signal, once both are done,
    /// makes it ask again.
    fn signal_once_more(&self) {
        if self.run.takes_signals() {
            // A process that is gone has nothing to write or read.
            let _ = kill(self.kernel_pid(), Signal::SIGIO);
        }
    }

    fn take_notices(&mut self) {
        for _ in 0..NOTICES {
            match self.kernel.notices.take() {
                Some(Notice::Ready) if self.run.ready(now()) => self.tell_state(),
                Some(Notice::Said(bytes)) => {
                    if let Some(missed) = self.talk.passes(now()) {
                        self.pass_on(talk::line(&bytes), missed);
                    }
                }
                // It ends the process, and only that counts; what it says goes with what else was said.
                Some(Notice::Panic(bytes)) => {
                    if let Some(missed) = self.talk.passes(now()) {
                        self.pass_on(talk::line(&[b"Kernel panic: ", bytes.as_slice()].concat()), missed);
                    }
                }
                Some(Notice::Ready | Notice::Hang) => {}
                None => return,
            }
        }
    }

    fn pass_on(&mut self, text: String, missed: u32) {
        let word = Word::Said(Said { at: now(), text, missed });
        self.readers.iter_mut().for_each(|r| r.tell_watcher(&word));
    }

    fn reap(&mut self) {
        let kernel = self.kernel_pid();
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) if pid == kernel => self.ended(Ended::Exited(status)),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == kernel => {
                    self.ended(Ended::Signalled(signal as i32));
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// The main process is gone; its programs may still run, natively and without a kernel.
    fn ended(&mut self, how: Ended) {
        end_descendants();
        self.drain_terminal(usize::MAX);
        let extent = self.outfit.ring.extent();
        let from = extent.end.saturating_sub(TAIL).max(extent.boot);
        let tail = self.outfit.ring.read(from, usize::MAX).unwrap_or_default().to_vec();
        self.run.ended(how, &tail, now());
        self.tell_state();
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.outfit.listener.accept() {
            if self.readers.len() < READERS_MAX && stream.set_nonblocking(true).is_ok() {
                self.readers.push(Reader::new(stream));
            }
        }
    }

    fn serve_readers(&mut self, ready: &[PollFlags]) {
        let mut wishes = Vec::new();
        let mut flags = ready.iter().copied();
        let ring = &self.outfit.ring;
        self.readers.retain_mut(|reader| {
            // Readers that were accepted after the wait have no flags yet.
            let flags = flags.next().unwrap_or(PollFlags::empty());
            if !flags.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
                return true;
            }
            reader.hear(ring).map(|said| wishes.extend(said)).is_ok()
        });
        for wish in wishes {
            self.grant(wish);
        }
        let ring = &self.outfit.ring;
        self.readers.retain_mut(|reader| reader.serve(ring).is_ok());
    }

    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Hello { version } => {
                if version != VERSION {
                    eprintln!("a client speaks version {version}, this shim {VERSION}");
                }
                self.greet();
            }
            Wish::Type(bytes) => self.typed.extend_from_slice(&bytes),
            Wish::Resize { columns, rows } => self.resize(columns, rows),
            Wish::CtrlAltDel => self.ctrl_alt_del(),
            Wish::Kill => self.kill(),
            Wish::Pause => self.pause(),
            Wish::Resume => self.resume(),
            Wish::SysRq(key) => self.sys_rq(key),
            Wish::MemoryInside => self.memory_inside(),
            Wish::VolumeAdd(disk) => self.volume_add(disk),
            Wish::VolumeTake(slot) => self.disk_take(VOLUME_TAKE, Place::Volume(slot)),
            Wish::ParcelAdd(parcel, access) => self.parcel_add(parcel, access),
            Wish::ParcelTake => self.disk_take(PARCEL_TAKE, Place::Parcel),
        }
    }

    fn greet(&mut self) {
        let hello =
            Word::Hello { version: VERSION, guest: self.outfit.order.guest, generation: self.outfit.order.generation };
        let state = Word::State(self.run.state().clone());
        for reader in &mut self.readers {
            if !reader.takes_greeting() {
                continue;
            }
            reader.tell(&hello);
            reader.tell(&state);
        }
    }

    #[expect(unsafe_code, reason = "an ioctl")]
    fn resize(&mut self, columns: u16, rows: u16) {
        use std::os::fd::AsRawFd;
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the master is open and `size` lives through the call, which only reads it.
        let set = unsafe { set_window_size(self.kernel.master.as_raw_fd(), &size) };
        if let Err(error) = set {
            eprintln!("setting the window size: {error}");
        }
        if self.run.has_terminal() {
            self.tell_size();
        } else {
            self.size_untold = true;
        }
    }

    /// The kernel process has no controlling terminal, so the signal has to be sent by hand.
    fn tell_size(&mut self) {
        self.size_untold = false;
        // A process that is gone needs no size.
        let _ = kill(self.kernel_pid(), Signal::SIGWINCH);
    }

    fn ask(&self, command: &Command) -> Result<String, ManagementError> {
        let own = self.outfit.order.work.join("ask");
        management::ask(&self.kernel.line.management_socket(), &own, command, PATIENCE)
    }

    fn refuse(&mut self, what: &str, reason: &str) {
        let refused = Word::Refused { what: what.into(), reason: reason.into() };
        self.readers.iter_mut().for_each(|r| r.tell(&refused));
    }

    fn failed(&mut self, what: &str, error: &dyn std::error::Error) {
        let source = error.source().map(|s| format!(": {s}")).unwrap_or_default();
        self.refuse(what, &format!("{error}{source}"));
    }

    fn answer(&mut self, word: &Word) {
        self.readers.iter_mut().for_each(|r| r.tell_watcher(word));
    }

    fn ctrl_alt_del(&mut self) {
        if self.run.is_paused() {
            return self.refuse("ctrl_alt_del", PAUSED);
        }
        match self.ask(&Command::Cad) {
            Ok(_) => {
                if self.run.asked_to_stop(now()) {
                    self.tell_state();
                }
            }
            Err(error) => self.failed("ctrl_alt_del", &error),
        }
    }

    fn pause(&mut self) {
        if let Err(reason) = self.run.may_pause() {
            return self.refuse("pause", reason);
        }
        match pause::pause(self.kernel_pid()) {
            Ok(()) => {
                self.run.paused(now());
                self.tell_state();
            }
            Err(error) => {
                self.run.resumed();
                self.failed("pause", &error);
            }
        }
    }

    fn resume(&mut self) {
        if self.run.is_paused() {
            pause::resume(self.kernel_pid());
            self.run.resumed();
        }
        self.tell_state();
    }

    fn sys_rq(&mut self, key: SysRqKey) {
        if self.run.is_paused() {
            return self.refuse(SYS_RQ, PAUSED);
        }
        match self.ask(&Command::SysRq(key)) {
            Ok(_) => self.answer(&Word::Done { what: SYS_RQ.into() }),
            Err(error) => self.failed(SYS_RQ, &error),
        }
    }

    fn memory_inside(&mut self) {
        if self.run.is_paused() {
            return self.refuse("memory_inside", PAUSED);
        }
        let asked = self.ask(&Command::Proc(ProcFile::Meminfo));
        match asked.map(|text| Meminfo::parse(&text)) {
            Ok(Some(Meminfo { total_kib, available_kib })) => {
                self.answer(&Word::Memory(MemoryInside { total_kib, available_kib }));
            }
            Ok(None) => self.refuse("memory_inside", "what the guest says of its memory makes no sense"),
            Err(error) => self.failed("memory_inside", &error),
        }
    }

    fn volume_add(&mut self, disk: VolumeDisk) {
        self.disk_add(VOLUME_ADD, |place| Disk::new(Place::Volume(disk.slot), &disk.file(place), disk.access));
    }

    fn parcel_add(&mut self, parcel: ParcelId, access: VolumeAccess) {
        self.disk_add(PARCEL_ADD, |place| Disk::new(Place::Parcel, &parcel_file(place, parcel, access), access));
    }

    fn disk_add(&mut self, what: &str, disk: impl FnOnce(&Path) -> Result<Disk, BadPath>) {
        let Some(place) = self.volumes(what) else { return };
        let added = match disk(&place) {
            Ok(added) => added,
            Err(error) => return self.failed(what, &error),
        };
        match self.ask(&Command::Add(added)) {
            Ok(_) => self.answer(&Word::Done { what: what.into() }),
            Err(ManagementError::Refused { text, .. }) if text.contains(HAS_IT) => {
                self.answer(&Word::Done { what: what.into() });
            }
            Err(error) => self.failed(what, &error),
        }
    }

    fn disk_take(&mut self, what: &str, place: Place) {
        if self.volumes(what).is_none() {
            return;
        }
        match self.ask(&Command::Take(place)) {
            Ok(_) => self.answer(&Word::Done { what: what.into() }),
            // An agent that was killed over it asks again.
            Err(ManagementError::Refused { text, .. }) if text.contains(HAS_IT_NOT) => {
                self.answer(&Word::Done { what: what.into() });
            }
            Err(ManagementError::Refused { text, .. }) if text.contains(HAS_IT_OPEN) => {
                self.refuse(what, IN_USE);
            }
            Err(error) => self.failed(what, &error),
        }
    }

    /// Where its volumes lie, if a kernel that runs can be asked about them; whoever asked is told if not.
    fn volumes(&mut self, what: &str) -> Option<PathBuf> {
        if self.run.is_paused() {
            self.refuse(what, PAUSED);
            return None;
        }
        let place = self.outfit.order.volumes.as_ref().map(|volumes| volumes.place.clone());
        if place.is_none() {
            self.refuse(what, "it has no place for volumes");
        }
        place
    }

    fn kernel_pid(&self) -> Pid {
        Pid::from_raw(self.kernel.child.id().cast_signed())
    }

    fn kill(&mut self) {
        self.run.killed_by_us();
        // A process that is gone already is what was wanted.
        let _ = kill(self.kernel_pid(), Signal::SIGKILL);
    }

    fn hand_over_typing(&mut self) {
        while !self.typed.is_empty() {
            match nix::unistd::write(&self.kernel.master, &self.typed) {
                Ok(length) if length > 0 => {
                    drop(self.typed.drain(..length));
                    self.signal_at = Some(Instant::now() + TYPED_IS_THERE);
                }
                _ => return,
            }
        }
    }

    fn tell_state(&mut self) {
        self.note();
        let word = Word::State(self.run.state().clone());
        self.readers.iter_mut().for_each(|r| r.tell(&word));
    }

    fn note(&mut self) {
        let note = RunNote { generation: self.outfit.order.generation, state: self.run.state().clone() };
        self.outfit.ring.note(&note);
    }
}

/// Ends every process that the kernel left behind. As pid 1 that is everybody else in the namespace;
/// otherwise our children again and again, since orphans of theirs come to us.
fn end_descendants() {
    if is_init() {
        // ESRCH: nobody is left.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        return;
    }
    for _ in 0..100 {
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        let children: Vec<Pid> =
            children.split_whitespace().filter_map(|p| p.parse().ok()).map(Pid::from_raw).collect();
        if children.is_empty() {
            return;
        }
        for &child in &children {
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
        }
    }
}

/// µs since the epoch, UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
