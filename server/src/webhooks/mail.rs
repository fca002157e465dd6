//! Events as mail: one message to one address, handed to the server that the settings name.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde_json::Value;
use tokio::time::timeout;
use umbel_app::shown::WebhookEvent;
use umbel_guest::DeliveryId;

use crate::error::chain;

/// Until the server has taken it. Some let whom they don't know wait.
pub(super) const TAKEN: Duration = Duration::from_secs(25);
/// Of each word of the server's.
const STEP: Duration = Duration::from_secs(10);

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// From the first byte (RFC 8314, section 3.3).
    Tls,
    /// From the word STARTTLS on, without which nothing is sent (RFC 3207).
    StartTls,
    /// Only to this machine itself.
    Clear,
}

/// The server that takes mail from the panel.
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub user: Option<String>,
}

/// What the settings say.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSettings {
    pub server: MailServer,
    pub from: Mailbox,
    pub password_file: Option<PathBuf>,
}

/// Without a name, which may be somebody's address.
impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}:{}", self.security, self.host, self.port)
    }
}

impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailSettings").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why no mail can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("mail_password_file = {} can't be read: {source}", path.display())]
    Password { path: PathBuf, source: std::io::Error },
    #[error("TLS to the mail server {host} can't be set up: {source}")]
    Tls { host: String, source: lettre::transport::smtp::Error },
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

/// What is told in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub(super) id: DeliveryId,
    /// The word of an event, or `test`.
    pub(super) event: &'a str,
    /// As a webhook gets it.
    pub(super) body: &'a str,
}

impl Mailer {
    pub fn load(settings: &MailSettings) -> Result<Self, MailError> {
        let MailSettings { server, from, password_file } = settings;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls(server)?)
            .timeout(Some(STEP));
        if let (Some(user), Some(path)) = (&server.user, password_file) {
            let failed = |source| MailError::Password { path: path.clone(), source };
            let password = std::fs::read_to_string(path).map_err(failed)?;
            transport = transport.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
        }
        Ok(Self { transport: transport.build(), from: from.clone() })
    }

    /// What the server said when it took it, or why it didn't.
    pub(super) async fn send(&self, to: &Address, letter: Letter<'_>) -> Result<String, String> {
        let message = self.written(to, letter)?;
        match timeout(TAKEN, self.transport.send(message)).await {
            Ok(Ok(said)) => Ok(format!("taken with {}", said.code())),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err(format!("the mail server took longer than {} s", TAKEN.as_secs())),
        }
    }

    fn written(&self, to: &Address, letter: Letter<'_>) -> Result<Message, String> {
        let title = WebhookEvent::of_word(letter.event).map_or("Test", WebhookEvent::title);
        let subject = format!("Umbel: {title}");
        self.head(to, letter.id).subject(subject).body(text(letter.body)?).map_err(|error| chain(&error))
    }

    fn head(&self, to: &Address, id: DeliveryId) -> MessageBuilder {
        // Nobody's holiday note answers it (RFC 3834, section 5).
        let by_itself = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            // The same for each try, so that a second copy is known for one.
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .raw_header(HeaderValue::new(by_itself, "auto-generated".into()))
            .header(ContentType::TEXT_PLAIN)
    }
}

fn tls(server: &MailServer) -> Result<Tls, MailError> {
    let failed = |source| MailError::Tls { host: server.host.clone(), source };
    let parameters = || TlsParameters::new(server.host.clone()).map_err(failed);
    Ok(match server.security {
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::Clear => Tls::None,
    })
}

/// What is said to people, and below it what it is about, a line each.
fn text(body: &str) -> Result<String, String> {
    let said: Value = serde_json::from_str(body).map_err(|error| chain(&error))?;
    let mut text = said["text"].as_str().unwrap_or_default().to_owned();
    text.push_str("\r\n\r\n");
    for (name, value) in said["about"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_becomes_a_header() {
        let server = MailServer { host: "localhost".into(), port: 25, security: Security::Clear, user: None };
        let from = "Umbel <umbel@panel.example>".parse().expect("a mailbox");
        let mailer = Mailer::load(&MailSettings { server, from, password_file: None }).expect("nothing to read");
        let body = r#"{"text":"Down\r\nBcc: all@x.example\r\n.\r\n","about":{"guest":"we\nb","n":3}}"#;
        let letter = Letter { id: DeliveryId(uuid::Uuid::nil()), event: "guest_crashed", body };
        let message = mailer.written(&"ops@x.example".parse().expect("an address"), letter).expect("written");
        let raw = String::from_utf8(message.formatted()).expect("text");
        let (head, rest) = raw.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains("Subject: Umbel: A guest crashed\r\n") && !head.contains("Bcc"), "{raw}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{raw}");
        assert!(head.contains("Message-ID: <00000000-0000-0000-0000-000000000000@panel.example>"), "{raw}");
        assert!(rest.contains("n: 3"), "{raw}");
        assert_eq!(message.envelope().to().len(), 1);
    }
}
