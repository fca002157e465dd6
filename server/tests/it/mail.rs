//! Alerts as mail, taken by a real mail server (aiosmtpd).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use umbel_app::AppError;
use umbel_app::shown::{DeliveryState, WebhookDraft, WebhookEvent};
use umbel_client::Client;
use umbel_server::accounts::seal::Seal;
use umbel_server::clock::{Clock, MINUTE, SECOND};
use umbel_server::store::webhooks::delivery_list;
use umbel_server::webhooks::mail::{MailServer, MailSettings, Mailer, Security};
use umbel_server::webhooks::{Happened, Webhooks, happened};

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::program::{Running, Umbel};

const WORDS: &str = "name=web\nBcc: all@x.example";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(path)
}

/// Dropped, it ends.
struct MailServerRun {
    child: Child,
    port: u16,
    said: Lines<BufReader<ChildStdout>>,
}

impl MailServerRun {
    /// One that first refuses so many messages; with `secured` it wants TLS and this user and password.
    async fn start(refuses: u32, secured: Option<[&str; 2]>) -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
        let mut command = Command::new(python);
        command.arg(here("fixtures/mail_server.py")).arg(refuses.to_string());
        if let Some(known) = secured {
            command.args([here("certificates/one.pem"), here("certificates/one.key")]).args(known);
        }
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("deploy/setup.sh test makes its Python");
        let mut said = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let port = said.next_line().await.expect("a pipe").expect("its port").parse().expect("a number");
        Self { child, port, said }
    }

    async fn taken(&mut self) -> Value {
        let line = timeout(Duration::from_secs(30), self.said.next_line()).await.expect("mail within 30 s");
        serde_json::from_str(&line.expect("a pipe").expect("it still runs")).expect("JSON")
    }

    /// Whether it has ended without having taken anything else.
    async fn took_no_more(mut self) -> bool {
        drop(self.child.stdin.take());
        self.said.next_line().await.expect("a pipe").is_none()
    }

    fn mailer(&self, security: Security) -> Mailer {
        let server = MailServer { host: "localhost".into(), port: self.port, security, user: None };
        let from = "Umbel <umbel@panel.example>".parse().expect("a mailbox");
        Mailer::load(&MailSettings { server, from, password_file: None }).expect("nothing to read")
    }
}

fn draft(url: &str) -> WebhookDraft {
    WebhookDraft { url: url.into(), events: vec!["guest_crashed".into()] }
}

fn webhooks(edge: &Edge, mail: Option<Mailer>, clock: &Clock) -> Webhooks {
    let mut parts = edge.test.guests.parts.clone();
    (parts.mail, parts.clock) = (mail, clock.clone());
    Webhooks::new(parts, Seal::new([7; 32]))
}

async fn crash(edge: &Edge, clock: &Clock) {
    let crash = Happened {
        event: WebhookEvent::GuestCrashed,
        subject: "web".into(),
        text: format!("The guest {WORDS} crashed."),
        about: serde_json::json!({ "name": WORDS }),
    };
    happened(&edge.panel.store, clock.now(), crash).await.expect("written");
}

both! {
    async fn an_event_is_mailed_once_its_server_takes_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let mut server = MailServerRun::start(1, None).await;
        let clock = Clock::set_to(1_764_000_000 * SECOND);
        let webhooks = webhooks(&edge, Some(server.mailer(Security::Clear)), &clock);
        let new = webhooks.create(&edge.root, draft(" mailto:ops@x.example ")).await.expect("there is a mail server");
        assert_eq!((new.url.as_str(), new.secret), ("mailto:ops@x.example", None), "nothing to sign with");
        crash(&edge, &clock).await;
        assert_eq!(webhooks.deliver_due().await.expect("a database"), 1);
        let refused = delivery_list(&fresh.db).await.expect("a list").remove(0);
        assert!(refused.state == DeliveryState::Waiting && refused.answer.contains("Come again later"), "{refused:?}");

        clock.advance(MINUTE);
        webhooks.deliver_due().await.expect("a database");
        let sent = delivery_list(&fresh.db).await.expect("a list").remove(0);
        assert_eq!((sent.state, sent.answer.as_str()), (DeliveryState::Delivered, "taken with 250"));
        let mail = server.taken().await;
        assert_eq!((&mail["from"], &mail["to"][0]), (&"umbel@panel.example".into(), &"ops@x.example".into()));
        let head = &mail["head"];
        assert_eq!((&head["subject"], &head["bcc"]), (&"Umbel: A guest crashed".into(), &Value::Null), "{mail}");
        assert_eq!(head["message-id"], format!("<{}@panel.example>", sent.id), "the same for each try");
        assert!(mail["text"].as_str().expect("text").contains("Bcc: all@x.example crashed."), "{mail}");
        assert!(server.took_no_more().await);
    }

    async fn an_address_is_one_mail_address_and_needs_a_server(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let server = MailServerRun::start(0, None).await;
        let mailer = server.mailer(Security::Clear);
        let refused = async |webhooks: &Webhooks, url: &str| {
            let Err(AppError::Invalid(wrong)) = webhooks.create(&edge.root, draft(url)).await else { panic!("{url}") };
            assert_eq!(wrong.0[0].field, "url");
            wrong.0[0].message.clone()
        };
        let with = webhooks(&edge, Some(mailer), &Clock::System);
        for url in ["mailto:", "mailto:ops", "mailto:a@x.example,b@x.example", "mailto:a@x.example?bcc=b@x.example",
            "mailto:a@x.example\r\nRCPT TO:<b@x.example>", "MAILTO:a@x.example"]
        {
            refused(&with, url).await;
        }
        let without = webhooks(&edge, None, &Clock::System);
        assert!(refused(&without, "mailto:ops@x.example").await.contains("mail_server"));
        // What was made before the settings changed waits, and says for what.
        with.create(&edge.root, draft("mailto:ops@x.example")).await.expect("permitted");
        crash(&edge, &Clock::System).await;
        without.deliver_due().await.expect("a database");
        let waits = delivery_list(&fresh.db).await.expect("a list").remove(0);
        assert!(waits.state == DeliveryState::Waiting && waits.answer.contains("mail_server"), "{waits:?}");
        assert!(server.took_no_more().await);
    }

    async fn a_server_that_should_speak_tls_and_does_not_gets_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let server = MailServerRun::start(0, None).await;
        let webhooks = webhooks(&edge, Some(server.mailer(Security::StartTls)), &Clock::System);
        webhooks.create(&edge.root, draft("mailto:ops@x.example")).await.expect("there is a mail server");
        crash(&edge, &Clock::System).await;
        webhooks.deliver_due().await.expect("a database");
        let waits = delivery_list(&fresh.db).await.expect("a list").remove(0);
        assert_eq!(waits.state, DeliveryState::Waiting, "{waits:?}");
        assert!(server.took_no_more().await);
    }
}

/// A panel whose settings name the server, its user and a file with that password.
fn panel(umbel: &Umbel, port: u16, password: &str) -> Running {
    let file = umbel.data().with_file_name("mail-password");
    fs::write(&file, format!("{password}\n")).expect("a file");
    let mut command = umbel.command(&["serve", "--listen", "127.0.0.1:0", "--mail-from", "umbel@panel.example"]);
    command.args(["--mail-server", &format!("smtps://umbel@localhost:{port}")]).arg("--mail-password-file").arg(file);
    // Whom the panel becomes may read it there.
    let trusted = umbel.data().with_file_name("trusted.pem");
    fs::copy(here("certificates/one.pem"), &trusted).expect("a copy");
    command.env("SSL_CERT_FILE", trusted);
    Running::start(command)
}

async fn administrator(panel: &Running) -> Client {
    let (_, token) = panel.ready.trim().split_once("token=").expect("a first link");
    let client = Client::new(panel.origin()).expect("an address");
    client.first_run(token, "ada", "a long enough password").await.expect("it opens the panel");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_mails_over_tls_with_the_name_of_its_settings() {
    let mut server = MailServerRun::start(0, Some(["umbel", "sesame"])).await;
    let umbel = Umbel::new();
    let running = panel(&umbel, server.port, "sesame");
    let ada = administrator(&running).await;
    let webhook = ada.webhook_create("mailto:ops@x.example", &["guest_crashed"]).await.expect("made").id;
    ada.webhook_test(webhook).await.expect("it will be");
    let mail = server.taken().await;
    assert_eq!(mail["head"]["subject"], "Umbel: Test", "{mail}");
    assert!(mail["text"].as_str().expect("text").contains("ada tries this webhook."), "{mail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_the_settings_is_told_with_the_delivery() {
    let server = MailServerRun::start(0, Some(["umbel", "sesame"])).await;
    let umbel = Umbel::new();
    let running = panel(&umbel, server.port, "guessed");
    let ada = administrator(&running).await;
    let webhook = ada.webhook_create("mailto:ops@x.example", &["guest_crashed"]).await.expect("made").id;
    ada.webhook_test(webhook).await.expect("it will be");
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let delivery = ada.webhook_list().await.expect("a list").deliveries.remove(0);
        if delivery.tries > 0 {
            assert!(delivery.answer.contains("535") && !delivery.answer.contains("guessed"), "{delivery:?}");
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "{delivery:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(server.took_no_more().await);
}

#[test]
fn settings_of_mail_that_do_not_go_together_are_refused() {
    let umbel = Umbel::new();
    for (settings, said) in [
        (&["--mail-server", "smtp://localhost"][..], "set mail_from too"),
        (&["--mail-from", "a@x.example"][..], "set mail_server too"),
        (&["--mail-server", "smtps://a@mail.example", "--mail-from", "a@x.example"][..], "set mail_password_file too"),
        (&["--mail-server", "smtps://a:secret@mail.example", "--mail-from", "a@x.example"][..], "lies in a file"),
        (&["--mail-server", "smtp://a@localhost", "--mail-from", "a@x.example"][..], "in the clear"),
        (&["--mail-server", "ftp://mail.example", "--mail-from", "a@x.example"][..], "smtps://USER@HOST"),
        (&["--mail-server", "smtps://mail.example", "--mail-from", "nobody"][..], "as umbel@panel.example"),
    ] {
        let refused = umbel.refused(&[&["config", "check"], settings].concat());
        assert!(refused.contains(said), "{settings:?}: {refused}");
    }
}
