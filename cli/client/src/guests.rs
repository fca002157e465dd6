use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};
use umbel_guest::{Action, GuestDraft, GuestId, OperationId, SetupDraft, Span, SysRqKey};

use crate::answers::{Acted, Created, Guest, GuestChange, GuestForm, MemoryInside, Metrics};
use crate::client::Client;
use crate::error::Error;
use crate::pages::GuestPage;

impl Client {
    /// All that one sees, by name, however many pages that takes.
    pub async fn guest_list(&self) -> Result<Vec<Guest>, Error> {
        self.pages("/guests", &[]).await
    }

    /// `name`, `state`, `owner`, `q`, `sort`, `limit`, and `cursor`: the `next` of the page before.
    pub async fn guest_page(&self, asked: &[(&str, &str)]) -> Result<GuestPage, Error> {
        self.page("/guests", asked).await
    }

    /// Choices and sensible values for a new guest.
    pub async fn guest_form(&self) -> Result<GuestForm, Error> {
        self.api(Method::GET, "/guests/form").read().await
    }

    /// Waits until a guest with a disk of its own can be made: on a new machine the first image takes a
    /// moment, and so does the agent.
    pub async fn guest_form_ready(&self, patience: Duration) -> Result<GuestForm, Error> {
        let end = Instant::now() + patience;
        loop {
            let last = self.guest_form().await;
            match last {
                Ok(form) if form.disk_image().is_some() && !form.kernels.is_empty() => return Ok(form),
                Err(error) if !error.is_passing() => return Err(error),
                _ if Instant::now() >= end => {
                    return Err(Error::TimedOut { what: format!("there are kernel and image ({last:?})"), patience });
                }
                _ => sleep(Duration::from_millis(25)).await,
            }
        }
    }

    pub async fn guest_create(&self, draft: &GuestDraft) -> Result<Created, Error> {
        self.api(Method::POST, "/guests").json(draft).read().await
    }

    pub async fn guest_fetch(&self, guest: GuestId) -> Result<Guest, Error> {
        self.api(Method::GET, &format!("/guests/{guest}")).read().await
    }

    pub async fn guest_change(&self, guest: GuestId, change: &GuestChange) -> Result<Guest, Error> {
        self.api(Method::PATCH, &format!("/guests/{guest}")).json(change).read().await
    }

    /// The same if its [`Guest::etag`] is still that. Changed meanwhile, it stays as it is: 412.
    pub async fn guest_change_seen(&self, guest: GuestId, etag: &str, change: &GuestChange) -> Result<Guest, Error> {
        let asked = self.api(Method::PATCH, &format!("/guests/{guest}")).json(change);
        asked.header("if-match", &format!("\"{etag}\"")).read().await
    }

    /// What it started; `None` where it was done at once. Actions that only a page knows (`Change`,
    /// `Rename`, the two of the console) are the server's to refuse.
    pub async fn guest_act(&self, guest: GuestId, action: Action) -> Result<Option<OperationId>, Error> {
        let asked = match action {
            Action::Delete => self.api(Method::DELETE, &format!("/guests/{guest}")),
            _ => self.api(Method::POST, &format!("/guests/{guest}/{}", word(action))),
        };
        Ok(asked.read::<Acted>().await?.operation)
    }

    /// Deletes, undoable for a while.
    pub async fn guest_delete(&self, guest: GuestId) -> Result<Option<OperationId>, Error> {
        self.guest_act(guest, Action::Delete).await
    }

    /// What a guest that is off is told at its next start.
    /// Its disk becomes that image's, and it is started with it.
    pub async fn guest_rebuild(&self, guest: GuestId, image: &str) -> Result<Option<OperationId>, Error> {
        let draft = serde_json::json!({ "image": image });
        let asked = self.api(Method::POST, &format!("/guests/{guest}/rebuild")).json(&draft);
        Ok(asked.read::<Acted>().await?.operation)
    }

    pub async fn guest_set_up(&self, guest: GuestId, setup: &SetupDraft) -> Result<(), Error> {
        self.api(Method::PUT, &format!("/guests/{guest}/setup")).json(setup).done().await.map(drop)
    }

    pub async fn guest_sysrq(&self, guest: GuestId, key: SysRqKey) -> Result<(), Error> {
        let key = serde_json::json!({ "key": key });
        self.api(Method::POST, &format!("/guests/{guest}/sysrq")).json(&key).done().await.map(drop)
    }

    pub async fn guest_metrics(&self, guest: GuestId, span: Span) -> Result<Metrics, Error> {
        let span = crate::host::word(span);
        self.api(Method::GET, &format!("/guests/{guest}/metrics?span={span}")).read().await
    }

    /// Wakes the guest's kernel.
    pub async fn guest_memory_inside(&self, guest: GuestId) -> Result<MemoryInside, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/memory")).read().await
    }

    /// The classic example: two guests of the host's own files on one switch. The same from a shell, with
    /// the cookie of a sign-in: `curl -b jar -H 'origin: http://127.0.0.1:8080' -X POST
    /// http://127.0.0.1:8080/api/v1/example`.
    pub async fn example_create(&self) -> Result<Vec<Created>, Error> {
        self.api(Method::POST, "/example").read().await
    }

    /// Waits until a guest is as `is` wants it.
    pub async fn guest_until(
        &self,
        guest: GuestId,
        what: &str,
        patience: Duration,
        is: impl Fn(&Guest) -> bool,
    ) -> Result<Guest, Error> {
        let end = Instant::now() + patience;
        loop {
            let now = self.guest_fetch(guest).await?;
            if is(&now) {
                return Ok(now);
            }
            if Instant::now() >= end {
                let what = format!("{what}; it is wanted {:?} and seen {:?}", now.wanted, now.seen);
                return Err(Error::TimedOut { what, patience });
            }
            sleep(Duration::from_millis(25)).await;
        }
    }
}

/// As the last part of an address spells it.
fn word(action: Action) -> &'static str {
    match action {
        Action::Start => "start",
        Action::ShutDown => "shut-down",
        Action::Kill => "kill",
        Action::Restart => "restart",
        Action::Pause => "pause",
        Action::Resume => "resume",
        Action::StartShell => "start-shell",
        Action::Reset => "reset",
        Action::Snapshot => "snapshots",
        Action::Limit => "limit",
        Action::Change => "change",
        Action::Rename => "rename",
        Action::Delete => "delete",
        Action::Undelete => "undelete",
        Action::Purge => "purge",
        Action::ReadConsole => "read-console",
        Action::TypeConsole => "type-console",
    }
}
