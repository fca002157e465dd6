//! Operations on a real host: the agent as a program, real shims, real kernels. What `faults` proves of
//! every kind on a simulated host is proved here of what there is on a machine.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use umbel_app::backend::Caller;
use umbel_app::shown::{OperationShown, OperationState, Role};
use umbel_client::{Client, ImageDraft};
use umbel_guest::{
    Action, DiskSize, Exit, GuestDraft, GuestId, ImageId, ImageKind, OperationId, Seen, SetupDraft, SetupSeen,
};
use umbel_server::clock::{Clock, HOUR, SECOND};
use umbel_server::events::Events;
use umbel_server::guests::{Guests, Running};
use umbel_server::host::{Agent, Host};
use umbel_server::operations::{Drill, table};
use umbel_server::parts::{Parts, Patience};
use umbel_server::store::Db;
use umbel_server::store::guests::{guest_fetch, guest_list};
use umbel_wire::Layout;

use crate::harness::db::on_sqlite;
use crate::harness::panel::{account, draft};
use crate::harness::postgres;
use crate::harness::program::Running as Program;

/// An agent on directories of its own. Dropped, all that it made is taken off the host.
pub(crate) struct Machine {
    pub(crate) layout: Layout,
    agent: Child,
    pub(crate) data: TempDir,
    pub(crate) run: TempDir,
}

impl Machine {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With more arguments of its agent's.
    fn with(more: &[&str]) -> Self {
        let place = |under: &str| {
            let dir = tempfile::Builder::new().prefix("umbel-it-").tempdir_in(under).expect("a directory");
            // Guests run as users of their own and must pass.
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("opened");
            dir
        };
        // Sockets need a short path.
        let (data, run) = (place("/var/tmp"), place("/tmp"));
        let layout = Layout::new(data.path(), run.path()).expect("a short path");
        let log = fs::File::create(data.path().join("log")).expect("made");
        let mut serve = agent_command("serve", data.path(), run.path());
        if let Some(user) = postgres::owner() {
            serve.args(["--panel-uid", &user.uid.to_string(), "--panel-gid", &user.gid.to_string()]);
        }
        let agent = serve.args(more).stdin(Stdio::null()).stderr(log).spawn().expect("built by cargo build --bins");
        Self { layout, agent, data, run }
    }

    fn host(&self) -> Arc<dyn Host> {
        Arc::new(Agent::new(self.layout.agent_socket()))
    }

    /// The program `umbel` on this machine.
    fn panel(&self) -> Program {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_umbel"));
        serve.args(["serve", "--listen", "127.0.0.1:0"]).env_clear().stdin(Stdio::null());
        serve.env("UMBEL_DATA", self.data.path()).env("UMBEL_RUN", self.run.path());
        if let Some(user) = postgres::owner() {
            serve.env("UMBEL_USER", user.name);
        }
        Program::start(serve)
    }

    fn shims(&self) -> usize {
        fs::read_dir(self.layout.shim_sockets()).into_iter().flatten().count()
    }

    /// Everything of guests that is there: files, sockets, cgroups, processes.
    pub(crate) fn dump(&self) -> Vec<String> {
        let mut found = Vec::new();
        let cgroups = format!("umbel-{}", self.layout.instance());
        let places = [self.layout.guests(), self.layout.ledger().join("guests"), self.layout.shim_sockets()];
        let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().filter_map(Result::ok);
        let hierarchies = hierarchies.map(|entry| entry.path().join(&cgroups));
        for place in places.into_iter().chain([self.layout.run().join("w")]).chain(hierarchies) {
            let entries = fs::read_dir(&place).into_iter().flatten().filter_map(Result::ok);
            // A cgroup's own files are not of a guest.
            let of_guests = entries.filter(|e| !place.ends_with(&cgroups) || e.path().is_dir());
            found.extend(of_guests.map(|entry| entry.path().display().to_string()));
        }
        for process in fs::read_dir("/proc").expect("mounted").filter_map(Result::ok) {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.starts_with("linux ") && line.contains(&*self.data.path().to_string_lossy()) {
                found.push(line);
            }
        }
        found.sort();
        found
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A panel that still runs would start what it wants again; it is gone by now.
        let _ = self.agent.kill();
        let _ = self.agent.wait();
        let cleaned = agent_command("clean", self.data.path(), self.run.path()).status();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.data.path().join("log")).unwrap_or_default());
        } else {
            assert!(cleaned.is_ok_and(|status| status.success()), "umbel-agent clean failed");
        }
    }
}

fn agent_command(verb: &str, data: &Path, run: &Path) -> Command {
    let program: PathBuf = Path::new(env!("CARGO_BIN_EXE_umbel")).with_file_name("umbel-agent");
    let mut command = Command::new(program);
    command.arg(verb).arg("--data").arg(data).arg("--run").arg(run);
    command
}

/// One life of a panel on that machine.
struct Panel {
    guests: Guests,
    anna: Caller,
    _running: Running,
}

impl Panel {
    async fn start(db: &Db, machine: &Machine, anna: Caller, drill: Drill) -> Self {
        let patience = Patience { shut_down: 20 * SECOND, boot: 30 * SECOND, undelete: HOUR };
        let layout = Some(machine.layout.clone());
        let parts = Parts::new(db.clone(), Events::default(), machine.host(), Clock::System, patience, layout);
        let mut guests = Guests::new(parts.await.expect("an open database"));
        guests.operations = guests.operations.with_drill(drill);
        let running = guests.run().await.expect("an open database");
        let panel = Self { guests, anna, _running: running };
        panel.eventually("there is an image", async |panel| panel.draft().await.is_some()).await;
        panel
    }

    /// Once kernel and image are there.
    async fn draft(&self) -> Option<GuestDraft> {
        let form = self.guests.form(&self.anna).await.ok()?;
        // The host's own files are offered before the first image of a disk is made.
        let image = form.images.iter().find(|image| image.kind == ImageKind::Disk)?;
        let (kernel, image) = (form.kernels.first()?.id.to_string(), image.id.to_string());
        Some(GuestDraft { kernel, image, disk_mib: 64, ..draft("web") })
    }

    async fn eventually(&self, what: &str, done: impl AsyncFn(&Self) -> bool) {
        for _ in 0..1200 {
            if done(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within a minute: {what}");
    }

    async fn over(&self, id: OperationId) -> OperationShown {
        let fetch = async |panel: &Self| panel.guests.operation_fetch(&panel.anna, id).await.expect("ours");
        self.eventually("the operation is over", async |panel| fetch(panel).await.state.is_over()).await;
        fetch(self).await
    }

    async fn create(&self) -> (GuestId, OperationShown) {
        let draft = self.draft().await.expect("it was there at the start");
        let made = self.guests.create(&self.anna, draft).await.expect("a good draft");
        (made.guest, self.over(made.operation).await)
    }

    async fn act(&self, guest: GuestId, action: Action) {
        let operation = self.guests.act(&self.anna, guest, action).await.expect("possible");
        if let Some(operation) = operation {
            let over = self.over(operation).await;
            assert_eq!(over.state, OperationState::Done, "{action}: {over:#?}");
        }
    }

    async fn seen(&self, guest: GuestId) -> Seen {
        guest_fetch(&self.guests.parts.db, guest).await.expect("a read").expect("a row").seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_fails_at_any_step_leaves_nothing_on_the_machine() {
    on_sqlite(async |fresh| {
        let machine = Machine::start();
        let anna = account(&fresh.db, "anna", Role::User).await;
        let kind = umbel_app::shown::OperationKind::GuestCreate;
        for at in 0..table(kind).len() {
            let drill = Drill { fail_at: Some(at), twice: at % 2 == 1 };
            let panel = Panel::start(&fresh.db, &machine, anna.clone(), drill).await;
            let before = machine.dump();
            let (_, over) = panel.create().await;
            assert_eq!(over.state, OperationState::Failed { reason: format!("drilled at {at}") }, "{over:#?}");
            assert_eq!(machine.dump(), before, "{over:#?}");
            assert_eq!(guest_list(&fresh.db).await.expect("a list"), []);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_guest_goes_through_every_action_with_each_step_done_twice() {
    on_sqlite(async |fresh| {
        let machine = Machine::start();
        let anna = account(&fresh.db, "anna", Role::User).await;
        let twice = Drill { fail_at: None, twice: true };
        let panel = Panel::start(&fresh.db, &machine, anna, twice).await;
        let before = machine.dump();
        let (guest, over) = panel.create().await;
        assert_eq!(over.state, OperationState::Done, "{over:#?}");
        assert!(matches!(panel.seen(guest).await, Seen::Running { .. }));
        panel.act(guest, Action::Restart).await;
        assert!(matches!(panel.seen(guest).await, Seen::Running { .. }));
        panel.act(guest, Action::ShutDown).await;
        assert!(went_down(&panel.seen(guest).await));
        panel.act(guest, Action::Start).await;
        panel.act(guest, Action::Kill).await;
        assert!(matches!(panel.seen(guest).await, Seen::Ended { exit: Exit::Killed, .. }));
        panel.act(guest, Action::Delete).await;
        panel.act(guest, Action::Undelete).await;
        panel.act(guest, Action::Start).await;
        assert!(matches!(panel.seen(guest).await, Seen::Running { .. }));
        panel.act(guest, Action::Purge).await;
        assert_eq!(machine.dump(), before);
        assert_eq!(guest_list(&fresh.db).await.expect("a list"), []);
    })
    .await;
}

/// As it was asked to. Before its init listens, the kernel answers Ctrl-Alt-Del itself, by a reboot, which
/// `noreboot` makes an end.
fn went_down(seen: &Seen) -> bool {
    matches!(seen, Seen::Ended { exit: Exit::PoweredOff | Exit::Rebooted, .. })
}

pub(crate) const PASSWORD: &str = "fennel by the sea";

/// How long a state may be wrong after a panel's new life began.
const WRONG_AT_MOST: Duration = Duration::from_secs(5);
/// How long a boot or a shut-down takes on a busy machine.
pub(crate) const TAKES: Duration = Duration::from_secs(60);

/// A panel that is new, and its first administrator signed in to it.
pub(crate) async fn first_life(machine: &Machine) -> (Program, Client) {
    let panel = machine.panel();
    let client = Client::new(panel.origin()).expect("an address");
    let token = panel.ready.trim().rsplit("token=").next().expect("a link").to_owned();
    client.first_run(&token, "ada", PASSWORD).await.expect("nobody was first");
    client.sign_in("ada", PASSWORD).await.expect("the right password");
    (panel, client)
}

/// A panel's next life after SIGKILL, and somebody signed in to it.
pub(crate) async fn killed_and_back(machine: &Machine, panel: Program) -> (Program, Client) {
    // Dropped, it is killed by SIGKILL.
    drop(panel);
    let panel = machine.panel();
    let client = Client::new(panel.origin()).expect("an address");
    client.sign_in("ada", PASSWORD).await.expect("the right password");
    (panel, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_in_although_the_panel_is_killed_and_a_guest_boots_from_it() {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let tiny = form.disk_image().expect("it was waited for").id.clone();
    let base = fs::read(machine.layout.base(&tiny, DiskSize::from_mib(64).expect("a size"))).expect("readable");
    let upload = client.upload_begin().await.expect("a place");
    client.upload_put(upload, "root_fs", base).await.expect("it fits");
    let (upload, name, version) = (upload.to_string(), "mine".into(), "1".into());
    let draft = ImageDraft { upload, name, version, ..ImageDraft::default() };
    let import = client.image_import(&draft).await.expect("a free name").expect("an operation");
    let (panel, client) = killed_and_back(&machine, panel).await;
    let over = client.operation_over(import, TAKES).await.expect("it goes on in the next life");
    assert_eq!(over.state, umbel_client::OperationState::Done, "{over:?}");

    let mine: ImageId = "mine-1".parse().expect("a slug");
    assert_eq!(client.image_fetch(&mine).await.expect("there").file_system.as_deref(), Some("ext4"));
    let draft = GuestDraft { image: mine.to_string(), disk_mib: 128, ..form.suggested() };
    let made = client.guest_create(&draft).await.expect("a good draft").guest;
    let mut console = client.console_from(made, 0).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    assert!(client.image_remove(&mine).await.is_err(), "it is used");
    let purge = client.guest_act(made, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
    client.image_remove(&mine).await.expect("nobody has it");
    assert!(!machine.layout.image(&mine).exists());
    assert_eq!(machine.dump(), Vec::<String>::new());
    drop(panel);
}

/// The program, of somebody with that home.
fn umbelctl(panel: &Program, home: &Path, words: &[&str]) {
    let program = Path::new(env!("CARGO_BIN_EXE_umbel")).with_file_name("umbelctl");
    let mut command = Command::new(program);
    command.args(words).env("HOME", home).env_remove("XDG_CONFIG_HOME").env("UMBEL_PANEL", panel.origin());
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    writeln!(child.stdin.take().expect("a pipe"), "{PASSWORD}").expect("it reads");
    assert!(child.wait().expect("it ends").success(), "{words:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_sent_as_an_archive_and_becomes_an_image() {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine).await;
    let home = tempfile::tempdir().expect("a directory");
    let root = home.path().join("root");
    fs::create_dir_all(root.join("sbin")).expect("made");
    fs::copy("/bin/busybox", root.join("sbin/init")).expect("the package busybox-static");
    umbelctl(&panel, home.path(), &["sign-in", "ada", "--scopes", "read,write,manage"]);
    let root = root.to_str().expect("text");
    umbelctl(&panel, home.path(), &["images", "import", root, "--name", "mine", "--version", "1"]);
    let image = client.image_fetch(&"mine-1".parse().expect("a slug")).await.expect("there");
    assert_eq!((image.file_system.as_deref(), image.fills_disk), (Some("ext4"), true));
    drop(panel);
}

async fn set_up(client: &Client, guest: GuestId) -> SetupSeen {
    let until = tokio::time::Instant::now() + TAKES;
    loop {
        match client.guest_fetch(guest).await.expect("ours").setup {
            Some(SetupSeen::Waits) if tokio::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            seen => return seen.expect("it was told something"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_made_by_the_command_line_has_a_user_a_key_and_what_a_script_did() {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine).await;
    client.guest_form_ready(TAKES).await.expect("an image is made");
    let home = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let (key, script) = (write("key.pub", "ssh-rsa AAAA anna\n"), write("script", "#!/bin/sh\nhostname >/root/name\n"));
    umbelctl(&panel, home.path(), &["sign-in", "ada", "--scopes", "read,write,power"]);
    let told = ["--user", "anna", "--key", &key, "--user-data", &script];
    umbelctl(&panel, home.path(), &[&["guests", "create", "web"], &told[..]].concat());
    let guest = client.guest_list().await.expect("a list")[0].id;
    let seen = set_up(&client, guest).await;
    assert!(matches!(seen, SetupSeen::Done { .. }), "{seen:?}");
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    console.type_line("echo said=$(id -u anna),$(cat /root/name /home/anna/.ssh/*)=en\"\"d").await.expect("ours");
    console.until("said=1000,web ssh-rsa AAAA anna=end", TAKES).await.expect("all of it");
    console.until("# ", TAKES).await.expect("a prompt");
    let from = client.console_log(guest, 0).await.expect("it is kept").end;
    let again = write("again", "#!/bin/sh\ntouch /root/again\n");
    for words in [&["kill", "web"][..], &["set-up", "web", "--user-data", &again], &["start", "web"]] {
        umbelctl(&panel, home.path(), &[&["guests"], words].concat());
    }
    assert!(matches!(set_up(&client, guest).await, SetupSeen::Done { .. }));
    assert_eq!(self::home(&client, guest, from).await, "again name");
    drop(panel);
}

const RECIPE: &str = "name = 'debian'
version = '13'
suite = 'trixie'
packages = ['openssh-server', 'sudo']
services = ['ssh.service']
first_boot = ['ssh-keygen -A', 'echo once >>/root/first']
memory_mib = 256

[[users]]
name = 'anna'
keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ anna']

[[files]]
path = '/etc/motd'
content = 'Of a recipe'
";

fn with_our_kernel() -> Machine {
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kernel/build.sh");
    let kernel = Command::new(kernel).arg("cached").output().expect("runs").stdout;
    let kernel = PathBuf::from(String::from_utf8_lossy(&kernel).trim());
    let kernels = kernel.ancestors().nth(2).expect("make kernel made it").to_str().expect("text");
    Machine::with(&["--kernels", kernels])
}

/// A guest of an image that umbelctl makes of a recipe, at its prompt; its file system fills a disk that is larger than what
/// it was unpacked on.
struct Debian {
    guest: GuestId,
    console: umbel_client::Console,
    client: Client,
    _panel: Program,
    _machine: Machine,
}

impl Debian {
    async fn of(recipe: &str, memory_mib: u32) -> Self {
        let machine = with_our_kernel();
        let (panel, client) = first_life(&machine).await;
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("recipe.toml");
        fs::write(&path, recipe).expect("written");
        umbelctl(&panel, home.path(), &["sign-in", "ada", "--scopes", "read,write,manage"]);
        umbelctl(&panel, home.path(), &["images", "build", "--here", path.to_str().expect("text")]);
        let form = client.guest_form_ready(TAKES).await.expect("there are images");
        let (name, image) = ("web-1".into(), "debian-13".into());
        let draft = GuestDraft { name, image, memory_mib, disk_mib: 2048, setup: told(), ..form.suggested() };
        let guest = client.guest_create(&draft).await.expect("a good draft").guest;
        let mut console = client.console_from(guest, 0).await.expect("it comes");
        console.until("root@web-1:~# ", TAKES).await.expect("a prompt");
        console.take_keyboard().await.expect("ours");
        Self { guest, console, client, _panel: panel, _machine: machine }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make test-full: the image is made of a hundred packages"]
async fn a_debian_that_a_recipe_made_boots_with_name_address_user_and_key() {
    let mut debian = Debian::of(RECIPE, 256).await;
    berta_is_in(&mut debian).await;
    let Debian { guest, mut console, client, .. } = debian;
    let question = "echo said=$(hostname),$(cat /root/first),$(cut -c-11 /home/anna/.ssh/authorized_keys),\
                    $(stat -c %U:%a /home/anna/.ssh),$(($(df --output=size / | tail -n 1) > 1900000)),\
                    $(ls /etc/ssh/*_key | wc -l),$(grep -c : /etc/shadow >/dev/null && id -un anna)=en\"\"d";
    console.type_line(question).await.expect("ours is the keyboard");
    console.until("said=web-1,once,ssh-ed25519,anna:700,1,3,anna=end", TAKES).await.expect("all of it");
    let purge = client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
}

fn told() -> SetupDraft {
    SetupDraft {
        user: "berta".into(),
        password: "correct horse".into(),
        ssh_keys: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ berta".into(),
        user_data: "#!/bin/sh\nhostname >/root/ran\n".into(),
        ..SetupDraft::default()
    }
}

/// With her password she becomes root; nobody does without.
async fn berta_is_in(debian: &mut Debian) {
    let seen = set_up(&debian.client, debian.guest).await;
    assert!(matches!(seen, SetupSeen::Done { .. }), "{seen:?}");
    let become_root = |with: &str| {
        format!(
            "$(runuser -u nobody -- sh -c 'echo {with} | su berta -c \"echo {with} | sudo -S id -un\"' 2>/dev/null)"
        )
    };
    let question = format!(
        "while [ ! -s /root/ran ]; do sleep 1; done; echo in=$(cat /root/ran),$(cut -d ' ' -f 3 ~berta/.ssh/authorized_keys),{},{}=en\"\"d",
        become_root("correct horse"),
        become_root("wrong horse"),
    );
    debian.console.type_line(&question).await.expect("ours is the keyboard");
    debian.console.until("in=web-1,berta,root,=end", TAKES).await.expect("all of it");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make test-full: the image is made of a hundred packages"]
async fn cloud_init_takes_what_a_guest_is_told() {
    let mut debian = Debian::of(&RECIPE.replace("'sudo'", "'sudo', 'cloud-init'"), 512).await;
    berta_is_in(&mut debian).await;
    debian.console.type_line("cloud-init status --long; echo by=$(ls /var/lib/umbel)=en\"\"d").await.expect("ours");
    debian.console.until("DataSourceNoCloud", TAKES).await.expect("it found the disk");
    debian.console.until("by=first-boot=end", TAKES).await.expect("it did it, not we");
}

/// What a guest has in root's home, once it has booted again after its console had come to `from`.
pub(crate) async fn home(client: &Client, guest: GuestId, from: u64) -> String {
    let mut console = client.console_from(guest, from).await.expect("it runs");
    console.until("# ", TAKES).await.expect("a prompt");
    console.take_keyboard().await.expect("ours");
    console.type_line("echo home=$(ls /root)=en\"\"d").await.expect("ours is the keyboard");
    let said = console.until("=end", TAKES).await.expect("an answer");
    console.until("# ", TAKES).await.expect("a prompt");
    let said = said.rsplit("home=").next().and_then(|rest| rest.split("=end").next());
    said.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_a_guest_that_runs_is_put_back_although_the_panel_is_killed() {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let guest =
        client.guest_create(&GuestDraft { disk_mib: 64, ..form.suggested() }).await.expect("a good draft").guest;
    let over = async |client: &Client, operation| {
        let over = client.operation_over(operation, TAKES).await.expect("it is over");
        assert_eq!(over.state, umbel_client::OperationState::Done, "{over:?}");
        over
    };
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    console.type_line("echo one >/root/one; echo writ\"\"ten").await.expect("ours is the keyboard");
    console.until("written", TAKES).await.expect("an answer");
    let taken = client.snapshot_take(guest, "").await.expect("there is room");
    let took = over(&client, taken.operation).await;
    assert!(took.log.iter().any(|line| line.text.contains("stood still")), "{took:?}");
    console.type_line("echo two >/root/two; sync; echo writ\"\"ten").await.expect("ours is the keyboard");
    console.until("written", TAKES).await.expect("an answer");
    // The next one is looked for from here on.
    console.until("# ", TAKES).await.expect("a prompt");

    let end = async |client: &Client| client.console_log(guest, 0).await.expect("it is kept").end;
    let from = end(&client).await;
    let restore = client.snapshot_restore(guest, taken.snapshot).await.expect("there").expect("an operation");
    let (panel, client) = killed_and_back(&machine, panel).await;
    over(&client, restore).await;
    assert_eq!(home(&client, guest, from).await, "one");
    let from = end(&client).await;
    over(&client, client.guest_act(guest, Action::Reset).await.expect("possible").expect("an operation")).await;
    assert_eq!(home(&client, guest, from).await, "");
    let rows = client.snapshots(guest).await.expect("a list").rows;
    let undo = rows.iter().find(|row| row.goes_at.is_some()).expect("a way back").id;
    let from = end(&client).await;
    over(&client, client.snapshot_restore(guest, undo).await.expect("there").expect("an operation")).await;
    assert_eq!(home(&client, guest, from).await, "one");
    let purge = client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation");
    over(&client, purge).await;
    assert_eq!(machine.dump(), Vec::<String>::new());
    drop(panel);
}

/// How far a guest counts, a line each 10 ms or so.
const COUNT: u32 = 200;

/// A guest that began to speak at `from` counts on its console while its panel is killed: the next panel
/// has every line once.
async fn counts_on(machine: &Machine, panel: Program, client: &Client, guest: GuestId, from: u64) -> (Program, Client) {
    let mut console = client.console_from(guest, from).await.expect("it runs");
    console.until("# ", TAKES).await.expect("a prompt");
    let count = format!("i=0; while [ $i -lt {COUNT} ]; do i=$((i+1)); echo n=$i; sleep 0.01; done; echo al\"\"l");
    console.type_line(&count).await.expect("ours is the keyboard");
    console.until("n=20\r\n", TAKES).await.expect("it counts");
    let (panel, client) = killed_and_back(machine, panel).await;
    let mut console = client.console_from(guest, from).await.expect("it runs on");
    let said = console.until("all\r\n", TAKES).await.expect("it counts on");
    let numbers: Vec<u32> = said.lines().filter_map(|line| line.strip_prefix("n=")?.parse().ok()).collect();
    assert_eq!(numbers, (1..=COUNT).collect::<Vec<_>>());
    (panel, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_is_killed_while_its_guest_boots_runs_speaks_or_stops_finds_it_again() {
    let machine = Machine::start();
    let (mut panel, mut client) = first_life(&machine).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let draft = GuestDraft { disk_mib: 64, ..form.suggested() };
    let made = client.guest_create(&draft).await.expect("a good draft").guest;
    let rounds = if std::env::var_os("UMBEL_TEST_FULL").is_some() { 20 } else { 2 };
    let mut begun_at = 0;
    for round in 0..rounds {
        let place = format!("round {round}");
        if round > 0 {
            begun_at = client.console_log(made, begun_at).await.expect("it is kept").end;
            client.guest_act(made, Action::Start).await.expect("it is stopped");
        }
        client.guest_until(made, &place, TAKES, |guest| guest.seen.is_alive()).await.expect("it boots");
        (panel, client) = killed_and_back(&machine, panel).await;
        let booted = client.guest_until(made, &place, TAKES, |guest| guest.is_running()).await.expect("it has booted");

        (panel, client) = killed_and_back(&machine, panel).await;
        let same = client.guest_until(made, &place, WRONG_AT_MOST, |guest| guest.seen == booted.seen).await;
        assert_eq!(same.expect("it runs on").generation, booted.generation);
        assert_eq!(machine.shims(), 1, "{place}");

        (panel, client) = counts_on(&machine, panel, &client, made, begun_at).await;
        assert_eq!(machine.shims(), 1, "{place}");

        let stop = client.guest_act(made, Action::ShutDown).await.expect("it runs").expect("an operation");
        (panel, client) = killed_and_back(&machine, panel).await;
        let down = client.guest_until(made, &place, TAKES, |guest| went_down(&guest.seen)).await;
        down.expect("it was asked to shut down");
        client.operation_over(stop, TAKES).await.expect("it goes on in the next life");
        assert_eq!(machine.shims(), 0, "{place}");
    }
    let purge = client.guest_act(made, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
    assert_eq!(machine.dump(), Vec::<String>::new());
    drop(panel);
}
