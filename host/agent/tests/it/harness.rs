//! One agent on directories of its own. When a test is over its agent and guests are ended, and
//! nothing of them may be left on the host: no process, cgroup, mount, socket or directory.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use tempfile::TempDir;
use umbel_agent::ledger::Entry;
use umbel_guest::{
    Boot, Clock, DiskKind, DiskSize, Generation, GuestId, ImageId, KernelId, KernelMode, Limits, Memory, Seen, Series,
    Span, UploadId,
};
use umbel_wire::agent::{GuestFacts, Inventory, Moved, Refusal, Reply, Request, StartOrder, StopHow, VERSION, Wall};
use umbel_wire::{Layout, frame};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct House {
    pub(crate) layout: Layout,
    run: PathBuf,
    agent: Option<Child>,
    /// Another user than ours, and where it finds the programs.
    user: Option<(u32, PathBuf)>,
    data: TempDir,
    _run: TempDir,
    /// What the data directory lies on; given back after it.
    _pool: Option<Pool>,
}

/// A file system of its own in a file, whose files can share blocks.
struct Pool {
    place: TempDir,
    _file: tempfile::NamedTempFile,
}

impl Pool {
    /// `None` where the host has no loop devices, or no XFS.
    fn new() -> Option<Self> {
        let file = tempfile::Builder::new().prefix("umbel-pool-").tempfile_in("/var/tmp").expect("a file");
        // Sparse: what is not written takes no room.
        file.as_file().set_len(2 << 30).expect("sparse");
        let place = temporary("/var/tmp", "umbel-pool-");
        let made = Command::new("/sbin/mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(file.path()).status();
        assert!(made.expect("the package xfsprogs").success());
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(file.path()).arg(place.path()).status();
        if !mounted.expect("it is there").success() {
            return None;
        }
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("opened");
        Some(Self { place, _file: file })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.place.path()).status();
        if !std::thread::panicking() {
            assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.place.path().display());
        }
    }
}

impl House {
    /// With its agent running.
    pub(crate) fn new() -> Self {
        Self::of_user(None)
    }

    pub(crate) fn of_user(user: Option<u32>) -> Self {
        Self::at(temporary("/var/tmp", "umbel-data-"), None, user)
    }

    /// Where files can share blocks, if this host can have such a place; for root.
    pub(crate) fn on_pool() -> Option<Self> {
        let pool = Pool::new()?;
        let data = temporary(&pool.place.path().to_string_lossy(), "umbel-data-");
        Some(Self::at(data, Some(pool), None))
    }

    fn at(data: TempDir, pool: Option<Pool>, user: Option<u32>) -> Self {
        // Sockets need a short path.
        let run_dir = temporary("/tmp", "umbel-run-");
        let run = run_dir.path().to_owned();
        let programs = data.path().join("programs");
        if let Some(user) = user {
            // The build may lie where that user can't go.
            fs::create_dir(&programs).expect("made");
            for name in ["umbel-agent", "umbel-shim"] {
                fs::copy(built(name), programs.join(name)).expect("copied");
            }
            for path in [data.path(), &run] {
                chown(path, Some(user), Some(user)).expect("given");
            }
        }
        let layout = Layout::new(data.path(), &run).expect("fine");
        let user = user.map(|user| (user, programs));
        let mut house = Self { layout, run, agent: None, user, data, _run: run_dir, _pool: pool };
        house.start_agent();
        house
    }

    /// A directory of uploads as the panel has it, and in it one that `fill` puts files into.
    pub(crate) fn upload(&self, fill: impl FnOnce(&Path)) -> UploadId {
        let upload = UploadId(uuid::Uuid::now_v7());
        let directory = self.layout.upload(upload);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).expect("made");
        fill(&directory);
        upload
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = match &self.user {
            Some((user, programs)) => {
                let mut command = Command::new(programs.join("umbel-agent"));
                command.uid(*user).gid(*user).env_clear().env("HOME", self.data.path()).current_dir("/");
                command
            }
            None => Command::new(built("umbel-agent")),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub(crate) fn places(&self) -> [&std::ffi::OsStr; 4] {
        ["--data".as_ref(), self.data.path().as_os_str(), "--run".as_ref(), self.run.as_os_str()]
    }

    pub(crate) fn start_agent(&mut self) {
        let mut command = self.command();
        command.arg("serve").args(self.places()).stderr(self.log_file());
        self.start(command);
    }

    pub(crate) fn start(&mut self, mut command: Command) {
        assert!(
            built("umbel-shim").exists(),
            "umbel-shim is missing beside umbel-agent: run `cargo build --bins` first"
        );
        // Of an agent that was killed: a new one must make its own.
        let _ = fs::remove_file(self.layout.agent_socket());
        self.agent = Some(command.spawn().expect("starts"));
        let came = soon(PATIENCE, || UnixStream::connect(self.layout.agent_socket()).is_ok());
        assert!(came, "the agent did not come:\n{}", self.log());
    }

    pub(crate) fn log_file(&self) -> fs::File {
        let log = fs::File::options().create(true).append(true).open(self.data.path().join("agent.log"));
        log.expect("a log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data.path().join("agent.log")).unwrap_or_default()
    }

    pub(crate) fn kill_agent(&mut self) {
        let mut agent = self.agent.take().expect("it runs");
        agent.kill().expect("ours");
        agent.wait().expect("ours");
    }

    /// A connection that has said hello.
    pub(crate) fn connect(&self) -> Client {
        let mut client = Client(UnixStream::connect(self.layout.agent_socket()).expect("the agent listens"));
        client.0.set_read_timeout(Some(PATIENCE)).expect("set");
        let reply = client.ask(&Request::Hello { version: VERSION });
        assert!(matches!(reply, Reply::Hello { .. }), "{reply:?}");
        client
    }

    pub(crate) fn done(&self, request: &Request) -> Result<(), Refusal> {
        match self.connect().ask(request) {
            Reply::Done => Ok(()),
            Reply::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn prepare(&self) {
        let image: ImageId = tiny();
        let reply = self.connect().ask(&Request::ImagePrepare { image });
        assert!(matches!(reply, Reply::Image(_)), "{reply:?}");
    }

    pub(crate) fn inventory(&self, after: u64, wait_ms: u32) -> Inventory {
        match self.connect().ask(&Request::Inventory { after, wait_ms }) {
            Reply::Inventory(inventory) => inventory,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn walls(&self) -> Vec<Wall> {
        match self.connect().ask(&Request::Walls {}) {
            Reply::Walls { walls } => walls,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn facts(&self, guest: GuestId) -> Option<GuestFacts> {
        self.inventory(0, 0).guests.into_iter().find(|facts| facts.guest == guest)
    }

    /// What has passed a guest's cards.
    pub(crate) fn moved(&self, guest: GuestId) -> Option<Moved> {
        let Reply::Traffic { moved } = self.connect().ask(&Request::Traffic {}) else { panic!("another answer") };
        moved.into_iter().find(|(of, _)| *of == guest).map(|(_, moved)| moved)
    }

    pub(crate) fn seen(&self, guest: GuestId) -> Seen {
        self.facts(guest).expect("known").seen
    }

    /// Waits until a guest is seen as wished.
    pub(crate) fn until(&self, guest: GuestId, wished: impl Fn(&Seen) -> bool) -> Seen {
        let (until, mut after) = (Instant::now() + PATIENCE, 0);
        loop {
            let inventory = self.inventory(after, 1000);
            after = inventory.version;
            let seen = inventory.guests.into_iter().find(|facts| facts.guest == guest).expect("known").seen;
            if wished(&seen) {
                return seen;
            }
            assert!(Instant::now() < until, "still {seen:?}:\n{}", self.log());
        }
    }

    pub(crate) fn ended(&self, guest: GuestId) -> umbel_guest::Exit {
        match self.until(guest, |seen| !seen.is_alive()) {
            Seen::Ended { exit, .. } => exit,
            other => panic!("{other:?}"),
        }
    }

    /// A guest with a disk.
    pub(crate) fn new_guest(&self) -> GuestId {
        let guest = GuestId(uuid::Uuid::now_v7());
        self.disk(guest, DiskKind::Cow).expect("a disk");
        guest
    }

    pub(crate) fn disk(&self, guest: GuestId, kind: DiskKind) -> Result<(), Refusal> {
        let size = DiskSize::from_mib(64).expect("a size");
        self.done(&Request::DiskCreate { guest, generation: Generation::FIRST, image: tiny(), size, kind })
    }

    pub(crate) fn boot(&self, guest: GuestId, number: u64) {
        self.done(&Request::Start(order(guest, number))).expect("started");
    }

    pub(crate) fn series(&self, guest: Option<GuestId>) -> Series {
        match self.connect().ask(&Request::Metrics { guest, span: Span::Hour }) {
            Reply::Series(series) => series,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stop(&self, guest: GuestId, number: u64, how: StopHow) -> Result<(), Refusal> {
        self.done(&Request::Stop { guest, generation: generation(number), how })
    }

    pub(crate) fn purge(&self, guest: GuestId, number: u64) -> Result<(), Refusal> {
        self.done(&Request::Purge { guest, generation: generation(number) })
    }

    /// The shim's pid, out of the agent's own ledger.
    pub(crate) fn shim(&self, guest: GuestId) -> i32 {
        let entry = fs::read(self.ledger(guest)).expect("known");
        let entry: Entry = serde_json::from_slice(&entry).expect("a ledger");
        entry.run.expect("it runs").pid
    }

    /// While no agent is there.
    pub(crate) fn edit_ledger(&self, guest: GuestId, edit: impl FnOnce(&mut Entry)) {
        let entry = fs::read(self.ledger(guest)).expect("known");
        let mut entry: Entry = serde_json::from_slice(&entry).expect("a ledger");
        edit(&mut entry);
        fs::write(self.ledger(guest), serde_json::to_vec(&entry).expect("plain data")).expect("written");
    }

    fn ledger(&self, guest: GuestId) -> PathBuf {
        self.layout.ledger().join(format!("guests/{guest}.json"))
    }

    fn left_behind(&self) -> Vec<String> {
        let mut left = Vec::new();
        let instance = format!("umbel-{}", self.layout.instance());
        for (pid, line) in processes() {
            let places = [self.data.path(), &*self.run].map(|path| path.to_string_lossy().into_owned());
            let mounts = mounts_of(pid);
            if places.iter().any(|place| line.contains(place)) || mounts.contains(&places[0]) {
                left.push(format!("process {pid} {line}"));
            }
        }
        let links = fs::read_to_string("/proc/net/dev").unwrap_or_default();
        let veths = format!("u{}-", self.layout.instance());
        left.extend(links.lines().filter(|line| line.contains(&veths)).map(str::to_owned));
        let tables = Command::new("/usr/sbin/nft").args(["list", "tables"]).output();
        let tables = tables.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let own = format!("umbel_{}", self.layout.instance());
        left.extend(tables.lines().filter(|line| line.contains(&own)).map(str::to_owned));
        let run = fs::read_dir("/run").into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        for claims in run.filter(|path| path.to_string_lossy().starts_with("/run/umbel-")) {
            let files = fs::read_dir(claims).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
            let is_ours = |path: &PathBuf| {
                fs::read_to_string(path).is_ok_and(|owner| owner.starts_with(&*self.data.path().to_string_lossy()))
            };
            left.extend(files.filter(is_ours).map(|path| format!("claim {}", path.display())));
        }
        let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().filter_map(Result::ok);
        for hierarchy in hierarchies.map(|entry| entry.path()).chain(["/sys/fs/cgroup".into()]) {
            let path = hierarchy.join(&instance);
            left.extend(path.exists().then(|| format!("cgroup {}", path.display())));
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        left.extend(mounts.lines().filter(|line| line.contains(&*self.run.to_string_lossy())).map(str::to_owned));
        for place in [self.layout.run().to_owned()].into_iter().chain(work_places(&instance)) {
            left.extend(place.exists().then(|| format!("path {}", place.display())));
        }
        left
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = kill(Pid::from_raw(agent.id().cast_signed()), Signal::SIGTERM);
            let _ = agent.wait();
        }
        let cleaned = self.command().arg("clean").args(self.places()).status();
        let left = self.left_behind();
        if std::thread::panicking() {
            eprintln!("the agent's log:\n{}\nleft behind: {left:?}", self.log());
        } else {
            assert!(cleaned.is_ok_and(|status| status.success()), "clean failed");
            assert!(left.is_empty(), "left behind: {left:#?}");
        }
    }
}

pub(crate) struct Client(pub(crate) UnixStream);

impl Client {
    pub(crate) fn ask(&mut self, request: &Request) -> Reply {
        self.tell(request);
        frame::from_json(&frame::read(&mut self.0).expect("answered")).expect("a reply")
    }

    pub(crate) fn tell(&mut self, request: &Request) {
        frame::write(&mut self.0, &frame::to_json(request).expect("plain data")).expect("said");
    }
}

pub(crate) fn tiny() -> ImageId {
    umbel_agent::image::TINY.parse().expect("a slug")
}

/// The distribution's kernel, as the agent names it.
pub(crate) fn kernel() -> KernelId {
    let path = umbel_uml::kernel::ON_THE_MACHINE.iter().map(Path::new).find(|path| path.exists());
    let file = umbel_uml::kernel::probe(path.expect("the package user-mode-linux")).expect("a kernel");
    let release = fs::read_to_string("/etc/os-release").expect("a distribution");
    let name = release.lines().find_map(|line| line.strip_prefix("ID=")).expect("has an id").trim_matches('"');
    format!("{name}-{}", file.version).parse().expect("a slug")
}

/// As an administrator does who has a kernel of another place.
pub(crate) fn put_kernel(house: &House, id: &KernelId, file: &Path) {
    let place = house.layout.kernel(id).join("linux");
    fs::create_dir_all(house.layout.kernel(id)).expect("made");
    fs::copy(file, &place).expect("copied");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("set");
}

pub(crate) fn generation(number: u64) -> Generation {
    Generation { epoch: 1, number }
}

pub(crate) fn order(guest: GuestId, number: u64) -> StartOrder {
    StartOrder {
        guest,
        generation: generation(number),
        name: "web-1".parse().expect("a name"),
        kernel: kernel(),
        image: tiny(),
        disk: DiskSize::from_mib(64).expect("a size"),
        disk_kind: DiskKind::Cow,
        memory: Memory::DEFAULT,
        mode: KernelMode::Strict,
        clock: Clock::Real,
        boot: Boot::Normal,
        limits: Limits::default(),
        card: None,
        volumes: Vec::new(),
    }
}

pub(crate) fn soon(patience: Duration, done: impl Fn() -> bool) -> bool {
    let until = Instant::now() + patience;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kernel processes of a guest: its disk is mounted in their jail, or without one named by their command line.
pub(crate) fn kernels_of(guest: GuestId) -> Vec<i32> {
    let id = guest.to_string();
    let is_ours = |line: &str| ["umbel-shim", "umbel-agent"].iter().any(|name| line.contains(name));
    let others = processes().into_iter().filter(|(_, line)| !is_ours(line));
    others.filter(|(pid, line)| line.contains(&id) || mounts_of(*pid).contains(&id)).map(|(pid, _)| pid).collect()
}

/// Processes of this user, whoever's they are.
pub(crate) fn of_user(user: u32) -> Vec<i32> {
    let owner = |pid: i32| fs::metadata(format!("/proc/{pid}")).map(|data| data.uid()).ok();
    processes().into_iter().map(|(pid, _)| pid).filter(|pid| owner(*pid) == Some(user) && is_there(*pid)).collect()
}

/// A file of the guest's cgroup, wherever the host keeps it.
pub(crate) fn cgroup_file(house: &House, guest: GuestId, name: &str) -> Option<PathBuf> {
    let own = format!("umbel-{}/{}/{name}", house.layout.instance(), guest.short());
    let hierarchies = fs::read_dir("/sys/fs/cgroup").expect("cgroups").filter_map(Result::ok).map(|e| e.path());
    hierarchies.chain(["/sys/fs/cgroup".into()]).map(|place| place.join(&own)).find(|path| path.exists())
}

fn mounts_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default()
}

pub(crate) fn is_there(pid: i32) -> bool {
    // A zombie is no process any more; it waits for somebody else's wait.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

pub(crate) fn parent_of(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let (_, fields) = stat.rsplit_once(") ").unwrap_or_default();
    fields.split(' ').nth(1).and_then(|field| field.parse().ok()).unwrap_or_default()
}

/// Twice, or twenty times in the long matrices.
pub(crate) fn rounds() -> usize {
    if std::env::var_os("UMBEL_TEST_FULL").is_some() { 20 } else { 2 }
}

fn processes() -> Vec<(i32, String)> {
    let all = fs::read_dir("/proc").expect("proc").filter_map(Result::ok);
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let line =
        |pid| String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into_owned();
    pids.map(|pid| (pid, line(pid).replace('\0', " "))).collect()
}

fn work_places(instance: &str) -> Vec<PathBuf> {
    let places = ["/dev/shm", "/tmp", "/var/tmp"].iter().filter_map(|place| fs::read_dir(place).ok());
    let entries = places.flatten().filter_map(Result::ok).map(|entry| entry.path());
    entries.filter(|path| path.to_string_lossy().contains(instance)).collect()
}

fn temporary(place: &str, prefix: &str) -> TempDir {
    let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(place).expect("a directory");
    if Uid::effective().is_root() {
        // Guests run as users of their own and must pass.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("opened");
    }
    dir
}

/// Beside the agent; also for tests of other packages, which lie in a directory below the programs.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("we run");
    own.ancestors().nth(2).expect("deep enough").join(name)
}
