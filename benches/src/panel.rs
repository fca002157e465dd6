//! A panel of our own, started as `make run` starts it, in directories that are new.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use umbel_client::{Client, Guest, Operation, OperationState};
use umbel_guest::{Action, GuestDraft, GuestId, KernelMode, OperationId};

use crate::Failure;
use crate::machine::Process;

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "bench";
const PASSWORD: &str = "a password for an hour";

/// How a panel is started, and what guests it makes unless somebody says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Directory of the programs; this one's own unless it is said.
    pub(crate) bin: Option<PathBuf>,
    /// More words for `umbel-agent serve`.
    pub(crate) agent: Vec<String>,
    /// How much of the machine's memory may be promised, where that is not what is usual.
    pub(crate) memory_percent: Option<u32>,
    /// A kernel of the panel's; the one that it suggests unless it is said.
    pub(crate) kernel: Option<String>,
    pub(crate) mode: KernelMode,
}

/// Dropped, it ends panel, agent and guests and removes all they made.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) client: Client,
    setup: Setup,
    deploy: PathBuf,
    place: TempDir,
    bin: PathBuf,
    listen: String,
    supervisor: Child,
}

impl Panel {
    pub(crate) async fn start(setup: &Setup) -> Result<Self, Failure> {
        let mut panel = Self::launch(setup, None)?;
        let link = panel.first_link().await?;
        let token = link.rsplit_once("token=").ok_or_else(|| format!("no token in {link}"))?.1;
        panel.client.first_run(token, NAME, PASSWORD).await?;
        panel.client.guest_form_ready(PATIENCE).await?;
        Ok(panel)
    }

    /// One that begins with the rows of a backup of another of ours.
    pub(crate) async fn restored(setup: &Setup, backup: &Path) -> Result<Self, Failure> {
        let panel = Self::launch(setup, Some(backup))?;
        panel.client.until_ready(PATIENCE).await?;
        panel.client.sign_in(NAME, PASSWORD).await?;
        panel.client.guest_form_ready(PATIENCE).await?;
        Ok(panel)
    }

    fn launch(setup: &Setup, backup: Option<&Path>) -> Result<Self, Failure> {
        let bin = match &setup.bin {
            Some(bin) => bin.canonicalize()?,
            None => std::env::current_exe()?.parent().ok_or("a program lies in a directory")?.to_owned(),
        };
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").canonicalize()?;
        // Short, for the sockets in it; open, for the users that panel and guests become.
        let place = tempfile::Builder::new().prefix("umbel-bench-").tempdir_in("/tmp")?;
        std::fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
        // Free now; nobody else asks for ports between this line and the next.
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();

        let bin = if setup.agent.is_empty() { bin } else { told(&bin, &place.path().join("bin"), &setup.agent)? };
        if let Some(backup) = backup {
            done(Command::new(bin.join("umbel")).arg("restore").arg(backup).args(places(place.path())))?;
        }

        let mut command = Command::new(deploy.join("run"));
        environment(&mut command, place.path(), &bin, &listen);
        // Whoever the panel becomes writes there.
        let backups = place.path().join("backups");
        std::fs::create_dir(&backups)?;
        std::fs::set_permissions(&backups, Permissions::from_mode(0o777))?;
        command.env("UMBEL_BACKUP_DIRECTORY", backups);
        if let Some(percent) = setup.memory_percent {
            command.env("UMBEL_MEMORY_PERCENT", percent.to_string());
        }
        let out = std::fs::File::create(place.path().join("out"))?;
        let err = std::fs::File::create(place.path().join("err"))?;
        let supervisor = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn()?;
        let client = Client::new(&format!("http://{listen}"))?;
        Ok(Self { client, setup: setup.clone(), deploy, place, bin, listen, supervisor })
    }

    /// The panel's own state in a new file.
    pub(crate) fn back_up(&self, file: &Path) -> Result<(), Failure> {
        done(Command::new(self.bin.join("umbel")).arg("backup").arg(file).args(places(self.place.path())))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.listen
    }

    /// A directory for what we make ourselves.
    pub(crate) fn scratch(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// The link that the panel prints, once it is there.
    async fn first_link(&mut self) -> Result<String, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            let read = |name: &str| std::fs::read_to_string(self.place.path().join(name)).unwrap_or_default();
            let said = read("out");
            if let Some(line) = said.lines().find(|line| line.starts_with("Umbel is ready")) {
                let link = line.split_whitespace().find(|word| word.contains("token="));
                return link.map(str::to_owned).ok_or_else(|| format!("no first link in: {line}").into());
            }
            let ended = self.supervisor.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                return Err(format!("the panel did not come up ({ended:?}):\n{}", read("err")).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A draft as the page suggests it, with another name and what was set up.
    pub(crate) async fn draft(&self, name: &str) -> Result<GuestDraft, Failure> {
        let form = self.client.guest_form().await?;
        let suggested = form.suggested();
        // The host's own files may be offered too; what is measured has a disk.
        let image = form.disk_image().ok_or("there is no image")?;
        let kernel = self.setup.kernel.clone().unwrap_or_else(|| suggested.kernel.clone());
        let (image, memory_mib) = (image.id.to_string(), image.suggested_memory.mib());
        Ok(GuestDraft { name: name.to_owned(), image, memory_mib, kernel, mode: self.setup.mode, ..suggested })
    }

    /// Done, or what became of it.
    pub(crate) async fn over(&self, operation: Option<OperationId>, patience: Duration) -> Result<Operation, Failure> {
        let over = self.client.operation_over(operation.ok_or("no operation")?, patience).await?;
        if over.state == OperationState::Done { Ok(over) } else { Err(format!("it ended {:?}", over.state).into()) }
    }

    pub(crate) async fn until_running(&self, guest: GuestId) -> Result<Guest, Failure> {
        Ok(self.client.guest_until(guest, "the guest runs", PATIENCE, Guest::is_running).await?)
    }

    /// Kills and removes a guest.
    pub(crate) async fn purge(&self, guest: GuestId) -> Result<(), Failure> {
        if let Some(operation) = self.client.guest_act(guest, Action::Purge).await? {
            let ended = self.client.operation_over(operation, PATIENCE).await?;
            if ended.state != OperationState::Done {
                return Err(format!("the purge of a guest ended {:?}", ended.state).into());
            }
        }
        Ok(())
    }

    /// Panel and agent, as the supervisor notes them.
    pub(crate) fn own_processes(&self) -> Result<Vec<(String, Process)>, Failure> {
        let noted = std::fs::read_to_string(self.place.path().join("data/.run.lock"))?;
        let lines = noted.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mut found = Vec::new();
        for words in lines.filter(|words| matches!(words[..], ["panel" | "agent", ..])) {
            found.push((words[0].to_owned(), Process(words.get(1).ok_or("a line without a process")?.parse()?)));
        }
        if found.len() == 2 { Ok(found) } else { Err(format!("panel and agent, not {found:?}").into()) }
    }

    /// Kernels of guests of this panel with their shims: whoever has a disk of ours in its jail and a shim
    /// for a parent.
    pub(crate) fn kernels(&self) -> Result<Vec<(Process, Process)>, Failure> {
        let data = self.data().canonicalize()?;
        let mut found = Vec::new();
        for process in Process::all()? {
            let Some(parent) = process.parent() else { continue };
            if parent.program().is_none_or(|program| !program.ends_with("shim")) {
                continue;
            }
            // Read last: with a thousand guests it is the dear part.
            if process.outside("/disk0").is_some_and(|disk| disk.starts_with(&data)) {
                found.push((process, parent));
            }
        }
        Ok(found)
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        let place = self.place.path();
        let mut stop = Command::new(self.deploy.join("stop"));
        environment(&mut stop, place, &self.bin, &self.listen);
        said("deploy/stop", &mut stop);
        let _ = self.supervisor.wait();
        // What an instance keeps on the host for its next start: nobody will start this one again.
        let mut clean = Command::new(self.bin.join("umbel-agent"));
        clean.arg("clean").args(places(place));
        said("umbel-agent clean", &mut clean);
    }
}

/// The programs once more, with an agent that is told more than the supervisor tells it.
fn told(bin: &Path, place: &Path, words: &[String]) -> Result<PathBuf, Failure> {
    std::fs::create_dir(place)?;
    for program in ["umbel", "umbel-shim"] {
        std::os::unix::fs::symlink(bin.join(program), place.join(program))?;
    }
    let quoted = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let agent = quoted(&bin.join("umbel-agent").display().to_string());
    let more = words.join(" ");
    let script = format!("#!/bin/sh\n[ \"$1\" != serve ] || set -- \"$@\" {more}\nexec {agent} \"$@\"\n");
    let file = place.join("umbel-agent");
    std::fs::write(&file, script)?;
    std::fs::set_permissions(&file, Permissions::from_mode(0o755))?;
    Ok(place.to_owned())
}

fn places(place: &Path) -> [PathBuf; 4] {
    ["--data".into(), place.join("data"), "--run".into(), place.join("run")]
}

fn done(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn said(what: &str, command: &mut Command) {
    match command.output() {
        Ok(output) if output.status.success() => {}
        other => eprintln!("umbel-benches: {what}: {other:?}"),
    }
}

fn environment(command: &mut Command, place: &Path, bin: &Path, listen: &str) {
    command.env("DATA", place.join("data")).env("RUN", place.join("run")).env("BIN", bin).env("LISTEN", listen);
}
