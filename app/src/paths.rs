//! Every address of the panel; the only place where one is spelled.

use leptos_router::params::ParamsMap;
use umbel_guest::state::Badge;
use umbel_guest::{AccountId, BackupId, GroupId, GuestId, ImageId, OperationId, SnapshotId};

pub const OVERVIEW: &str = "/";
pub const GUESTS: &str = "/guests";
pub const GUEST_NEW: &str = "/guests/new";
pub const NETWORKS: &str = "/networks";
pub const VOLUMES: &str = "/volumes";
/// `?q=…&cursor=…`
pub const IMAGES: &str = "/images";
pub const KERNELS: &str = "/kernels";
pub const HOST: &str = "/host";
pub const STORAGE: &str = "/host/storage";
pub const DOCTOR: &str = "/doctor";
/// `?line=…` is the command line that is read.
pub const ADOPT: &str = "/guests/adopt";
pub const OPERATIONS: &str = "/operations";
/// Of guests.
pub const BACKUPS: &str = "/backups";

pub fn backup_disk(backup: BackupId) -> String {
    format!("{BACKUPS}/{backup}/disk")
}

/// A directory on its disk (`?path=…`).
pub fn backup_files(backup: BackupId, path: &str) -> String {
    asking(&format!("{BACKUPS}/{backup}/files"), &[("path", path)])
}

/// A file, or with `tar` an archive (`?path=…&pack=…`).
pub fn backup_file(backup: BackupId, path: &str, pack: &str) -> String {
    asking(&format!("{BACKUPS}/{backup}/content"), &[("path", path), ("pack", pack)])
}

pub fn snapshot_files(guest: GuestId, snapshot: SnapshotId, path: &str) -> String {
    asking(&format!("{GUESTS}/{guest}/disk/{snapshot}/files"), &[("path", path)])
}

pub fn snapshot_file(guest: GuestId, snapshot: SnapshotId, path: &str, pack: &str) -> String {
    asking(&format!("{GUESTS}/{guest}/disk/{snapshot}/content"), &[("path", path), ("pack", pack)])
}
/// `?who=…&action=…&object=…&outcome=…&from=…&to=…&before=…`
pub const AUDIT: &str = "/audit";
pub const ANNOUNCEMENT: &str = "/announcement";
pub const WEBHOOKS: &str = "/webhooks";
pub const PEOPLE: &str = "/people";
pub const IMPORT: &str = "/people/import";
/// `?group=…` is the one that is chosen in the form.
pub const INVITATIONS: &str = "/people/invitations";
pub const GROUPS: &str = "/groups";
pub const QUOTAS: &str = "/quotas";
/// `?days=…&account=…`
pub const USAGE: &str = "/usage";
pub const ACCOUNT: &str = "/account";

/// Plain pages without wasm, each a GET and a POST.
pub const SIGN_IN: &str = "/sign-in";
/// The second half of a sign-in.
pub const SIGN_IN_CODE: &str = "/sign-in/code";
pub const SIGN_OUT: &str = "/sign-out";
pub const FIRST_RUN: &str = "/first-run";
/// `?token=…`
pub const INVITATION: &str = "/invitation";
/// Where people make accounts of their own, if administrators have opened that.
pub const REGISTER: &str = "/register";
pub const NEW_PASSWORD: &str = "/account/password";
pub const SECOND_FACTOR: &str = "/account/second-factor";
/// Proves once more who one is, and leads back (`?next=…`).
pub const CONFIRM: &str = "/account/confirm";
/// The same at the sign-in provider; only a GET.
pub const CONFIRM_PROVIDER: &str = "/account/confirm/provider";
/// Where a program sends its owner for a token that it has made by itself (`?id=…`, [`TokenAsk`](crate::shown::TokenAsk)).
pub const PROGRAM: &str = "/account/program";
/// One's own link to the sign-in provider.
pub const OIDC: &str = "/account/sign-in-provider";

/// To the sign-in provider, and back; both only a GET.
pub const OIDC_BEGIN: &str = "/sign-in/provider";
pub const OIDC_BACK: &str = "/sign-in/provider/back";

/// The one WebSocket of a tab: what has changed.
pub const EVENTS: &str = "/events";
/// Server functions are registered under here.
pub const SERVER_FN: &str = "/_sf";
pub const API: &str = "/api/v1";
/// Figures for Prometheus.
pub const METRICS: &str = "/metrics";
/// What can be asked of it, for people and for programs.
pub const API_PAGE: &str = "/api";
pub const API_DOCUMENT: &str = "/api/v1/openapi.json";
/// As a file; takes what [`USAGE`] takes.
pub const USAGE_EXPORT: &str = "/api/v1/usage/export";
/// All rows as a file (`?format=csv` or `jsonl`, and what [`AUDIT`] takes but `before`).
pub const AUDIT_EXPORT: &str = "/api/v1/audit/export";

/// Guests in one state (`?q=…&state=…&cursor=…`).
pub fn guests_in(state: Badge) -> String {
    format!("{GUESTS}?state={}", state.name())
}

pub fn person(id: AccountId) -> String {
    format!("{PEOPLE}/{id}")
}

pub fn group(id: GroupId) -> String {
    format!("{GROUPS}/{id}")
}

/// With what is asked of it; what is empty is not said.
pub fn asking(path: &str, said: &[(&str, &str)]) -> String {
    let mut query = ParamsMap::new();
    for (name, value) in said.iter().filter(|(_, value)| !value.is_empty()) {
        query.insert((*name).to_owned(), (*value).to_owned());
    }
    format!("{path}{}", query.to_query_string())
}

pub fn guest(id: GuestId) -> String {
    format!("{GUESTS}/{id}")
}

pub fn guest_console(id: GuestId) -> String {
    format!("{GUESTS}/{id}/console")
}

pub fn guest_disk(id: GuestId) -> String {
    format!("{GUESTS}/{id}/disk")
}

pub fn guest_files(id: GuestId) -> String {
    format!("{GUESTS}/{id}/files")
}

pub fn snapshot_image(id: GuestId, snapshot: SnapshotId) -> String {
    format!("{GUESTS}/{id}/disk/{snapshot}/image")
}

pub fn guest_network(id: GuestId) -> String {
    format!("{GUESTS}/{id}/network")
}

pub fn guest_activity(id: GuestId) -> String {
    format!("{GUESTS}/{id}/activity")
}

pub fn guest_settings(id: GuestId) -> String {
    format!("{GUESTS}/{id}/settings")
}

pub fn guest_sharing(id: GuestId) -> String {
    format!("{GUESTS}/{id}/sharing")
}

pub fn image(id: &ImageId) -> String {
    format!("{IMAGES}/{id}")
}

pub fn operation(id: OperationId) -> String {
    format!("{OPERATIONS}/{id}")
}

/// WebSocket of a console (`?from=N` resumes at offset N).
pub fn console_socket(id: GuestId) -> String {
    format!("{API}/guests/{id}/console")
}

/// The console's text (`?since=N`), without a WebSocket.
pub fn console_log(id: GuestId) -> String {
    format!("{API}/guests/{id}/console/log")
}

/// Where to go after signing in: a path of our own, or the overview. `//host` and `/\host` are not
/// paths (WHATWG URL, relative references) and neither are control characters.
pub fn safe_next(next: &str) -> &str {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.chars().any(char::is_control)
        && !next.starts_with(SIGN_IN);
    if own { next } else { OVERVIEW }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_away_after_signing_in() {
        for next in
            ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", "/a\nb", "/sign-in?next=/"]
        {
            assert_eq!(safe_next(next), OVERVIEW, "{next:?}");
        }
        assert_eq!(safe_next("/guests/new?x=1"), "/guests/new?x=1");
    }
}
