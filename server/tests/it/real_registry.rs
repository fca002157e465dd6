//! An image out of a real registry: Debian's docker-registry has it, a panel and an agent as programs get it, a real guest
//! runs what it starts.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use umbel_client::{Client, ImageDraft, OperationState};
use umbel_guest::{Action, GuestDraft};

use crate::harness::postgres;
use crate::harness::program::Running as Program;
use crate::real_host::{Machine, PASSWORD, TAKES};

/// Dropped, it ends.
struct Registry {
    address: String,
    program: Child,
    _place: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Registry {
    async fn start() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound").to_string();
        drop(free);
        let settings = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {address}}}\n",
            place.path().join("store").display()
        );
        let path = place.path().join("config.yml");
        std::fs::write(&path, settings).expect("written");
        let mut command = Command::new("docker-registry");
        let command = command.arg("serve").arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.spawn().expect("the Debian package docker-registry is there");
        let registry = Self { address, program, _place: place };
        let until = tokio::time::Instant::now() + TAKES;
        while reqwest::get(format!("http://{}/v2/", registry.address)).await.is_err() {
            assert!(tokio::time::Instant::now() < until, "the registry doesn't answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        registry
    }

    /// As `docker push` does it (distribution-spec, Pushing blobs: POST then PUT); gives its descriptor.
    async fn blob(&self, kind: &str, bytes: Vec<u8>) -> serde_json::Value {
        let (client, digest, size) = (reqwest::Client::new(), digest(&bytes), bytes.len());
        let begun = client.post(format!("http://{}/v2/team/hello/blobs/uploads/", self.address)).send().await;
        let begun = begun.expect("an answer");
        let location = begun.headers()[LOCATION].to_str().expect("text").to_owned();
        let put = client.put(location).query(&[("digest", &digest)]).body(bytes).send().await.expect("an answer");
        assert_eq!(put.status(), 201, "{kind}");
        serde_json::json!({ "mediaType": kind, "digest": digest, "size": size })
    }

    async fn manifest(&self, name: &str, kind: &str, manifest: &serde_json::Value) -> serde_json::Value {
        let bytes = manifest.to_string().into_bytes();
        let (digest, size) = (digest(&bytes), bytes.len());
        let url = format!("http://{}/v2/team/hello/manifests/{name}", self.address);
        let put = reqwest::Client::new().put(url).header(CONTENT_TYPE, kind).body(bytes).send().await;
        assert_eq!(put.expect("an answer").status(), 201, "{name}");
        serde_json::json!({ "mediaType": kind, "digest": digest, "size": size })
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A layer with those files, packed as Docker packs them.
fn layer(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        archive.append_data(&mut header, name, *bytes).expect("written");
    }
    let mut packed = archive.into_inner().expect("whole");
    packed.flush().expect("whole");
    packed.finish().expect("whole")
}

/// Two layers, the second of which takes a file of the first away; for two processors.
async fn pushed(registry: &Registry) {
    let busybox = std::fs::read("/bin/busybox").expect("Debian's busybox-static is there");
    let lower = layer(&[("bin/busybox", &busybox, 0o755), ("etc/gone", b"x", 0o644), ("etc/kept", b"kept", 0o644)]);
    let upper = layer(&[("etc/.wh.gone", b"", 0o644), ("bin/sh", &busybox, 0o755)]);
    let of = |kind: &str| format!("application/vnd.oci.image.{kind}+json");
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let layers = [registry.blob(kind, lower).await, registry.blob(kind, upper).await];
    let says = "echo it is $WHO: $(/bin/busybox ls /etc | /bin/busybox grep -c gone) gone, $(/bin/busybox cat /etc/kept); exec /bin/sh";
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] },
        "config": { "Env": ["WHO=umbel"], "Entrypoint": ["/bin/sh", "-c", says] },
    });
    let config = registry.blob(&of("config.v1"), config.to_string().into_bytes()).await;
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": of("manifest.v1"), "config": config, "layers": layers,
    });
    let mut ours = registry.manifest("amd64", &of("manifest.v1"), &manifest).await;
    ours["platform"] = serde_json::json!({ "architecture": "amd64", "os": "linux" });
    let other = serde_json::json!({
        "schemaVersion": 2, "mediaType": of("manifest.v1"), "config": config, "layers": [],
    });
    let mut other = registry.manifest("arm64", &of("manifest.v1"), &other).await;
    other["platform"] = serde_json::json!({ "architecture": "arm64", "os": "linux" });
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": of("index.v1"), "manifests": [other, ours],
    });
    registry.manifest("1.2", &of("index.v1"), &index).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_runs_what_a_registry_has() {
    let (machine, registry) = (Machine::start(), Registry::start().await);
    pushed(&registry).await;
    let mut serve = Command::new(env!("CARGO_BIN_EXE_umbel"));
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env_clear().stdin(Stdio::null());
    serve.env("UMBEL_DATA", machine.data.path()).env("UMBEL_RUN", machine.run.path());
    serve.env("UMBEL_FETCH_NETWORKS", "127.0.0.0/8");
    if let Some(user) = postgres::owner() {
        serve.env("UMBEL_USER", user.name);
    }
    let panel = Program::start(serve);
    let client = Client::new(panel.origin()).expect("an address");
    let token = panel.ready.trim().rsplit("token=").next().expect("a link").to_owned();
    client.first_run(&token, "ada", PASSWORD).await.expect("nobody was first");
    client.sign_in("ada", PASSWORD).await.expect("the right password");
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");

    let draft = |name: &str, of: &str| ImageDraft {
        url: format!("docker://{}/team/{of}", registry.address),
        name: name.into(),
        version: "1.2".into(),
        ..ImageDraft::default()
    };
    let begun = client.image_import(&draft("missing", "hello:9")).await.expect("well said").expect("an operation");
    let OperationState::Failed { reason } = client.operation_over(begun, TAKES).await.expect("it is over").state else {
        panic!("there is no 9")
    };
    assert!(reason.contains("the registry has no") && reason.contains("team/hello:9"), "{reason}");

    let begun = client.image_import(&draft("hello", "hello:1.2")).await.expect("well said").expect("an operation");
    let over = client.operation_over(begun, TAKES).await.expect("it is over");
    assert_eq!(over.state, OperationState::Done, "{over:?}");
    let guest = GuestDraft { image: "hello-1.2".into(), disk_mib: 64, ..form.suggested() };
    let guest = client.guest_create(&guest).await.expect("a good draft").guest;
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("it is umbel: 0 gone, kept", TAKES).await.expect("what the image starts");
    let purge = client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
    assert_eq!(machine.dump(), Vec::<String>::new());
}
