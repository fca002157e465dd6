//! A panel of our own, started as `make run` starts it, in directories that are new.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use umbel_client::{Client, Guest};
use umbel_guest::{Action, GuestDraft, GuestId};

use crate::Failure;
use crate::machine::Process;

const PATIENCE: Duration = Duration::from_secs(60);

/// Dropped, it ends panel, agent and guests and removes all they made.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) client: Client,
    deploy: PathBuf,
    place: TempDir,
    bin: PathBuf,
    listen: String,
    supervisor: Child,
}

impl Panel {
    pub(crate) async fn start(bin: Option<&Path>) -> Result<Self, Failure> {
        let bin = match bin {
            Some(bin) => bin.canonicalize()?,
            None => std::env::current_exe()?.parent().ok_or("a program lies in a directory")?.to_owned(),
        };
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").canonicalize()?;
        // Short, for the sockets in it; open, for the users that panel and guests become.
        let place = tempfile::Builder::new().prefix("umbel-bench-").tempdir_in("/tmp")?;
        std::fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
        // Free now; nobody else asks for ports between this line and the next.
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();

        let mut command = Command::new(deploy.join("run"));
        environment(&mut command, place.path(), &bin, &listen);
        let out = std::fs::File::create(place.path().join("out"))?;
        let err = std::fs::File::create(place.path().join("err"))?;
        let supervisor = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn()?;
        let client = Client::new(&format!("http://{listen}"))?;
        let mut panel = Self { client, deploy, place, bin, listen, supervisor };
        let link = panel.first_link().await?;
        let token = link.rsplit_once("token=").ok_or_else(|| format!("no token in {link}"))?.1;
        panel.client.first_run(token, "bench", "a password for an hour").await?;
        panel.until_image().await?;
        Ok(panel)
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.place.path().join("run")
    }

    /// A directory for what we make ourselves.
    pub(crate) fn scratch(&self) -> &Path {
        self.place.path()
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

    /// The first image is made once the agent is there.
    async fn until_image(&self) -> Result<(), Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            let form = self.client.guest_form().await?;
            if !form.images.is_empty() && !form.kernels.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("no image or no kernel after {PATIENCE:?}: {form:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A draft as the page suggests it, with another name.
    pub(crate) async fn draft(&self, name: &str) -> Result<GuestDraft, Failure> {
        Ok(GuestDraft { name: name.to_owned(), ..self.client.guest_form().await?.suggested() })
    }

    pub(crate) async fn until_running(&self, guest: GuestId) -> Result<Guest, Failure> {
        Ok(self.client.guest_until(guest, "the guest runs", PATIENCE, Guest::is_running).await?)
    }

    /// Kills and removes a guest.
    pub(crate) async fn purge(&self, guest: GuestId) -> Result<(), Failure> {
        if let Some(operation) = self.client.guest_act(guest, Action::Purge).await? {
            let ended = self.client.operation_over(operation, PATIENCE).await?;
            if ended.state != umbel_client::OperationState::Done {
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

    /// Kernels of guests of this panel with their shims: whoever has a directory of ours on its
    /// command line and a shim for a parent.
    pub(crate) fn kernels(&self) -> Result<Vec<(Process, Process)>, Failure> {
        let run = self.run().display().to_string();
        let mut found = Vec::new();
        for process in Process::all()? {
            if !process.arguments().iter().any(|argument| argument.starts_with("uml_dir=") && argument.contains(&run)) {
                continue;
            }
            let Some(parent) = process.parent() else { continue };
            if parent.program().is_some_and(|program| program.ends_with("umbel-shim")) {
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
        clean.arg("clean").arg("--data").arg(place.join("data")).arg("--run").arg(place.join("run"));
        said("umbel-agent clean", &mut clean);
    }
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
