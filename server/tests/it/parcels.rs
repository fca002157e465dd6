//! Files that go into guests and come out of them: who may, what becomes of them, and what is left.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use umbel_app::AppError;
use umbel_app::shown::{FileFetchDraft, FileSendDraft, FileWay, OperationState, ParcelShown, Role};
use umbel_client::Client;
use umbel_guest::{Action, GuestDraft, GuestId, OperationId, ParcelSize, UploadId};
use umbel_server::store::Db;
use umbel_wire::Layout;
use umbel_wire::agent::Refusal;

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::{TestPanel, account};
use crate::real_host::{Machine, TAKES, first_life};

async fn begin(db: &Db) -> (TestPanel, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    (TestPanel::start_in(db, Some(layout)).await, place)
}

/// What came in or out and lies there.
fn lying(place: &Path) -> usize {
    fs::read_dir(place.join("panel/uploads")).map_or(0, Iterator::count)
}

async fn uploaded(panel: &TestPanel, name: &str) -> UploadId {
    let upload = panel.uploads().begin_parcel(&panel.anna).await.expect("a place");
    let body = futures::stream::iter([Ok::<_, std::io::Error>(b"words")]);
    panel.uploads().put(&panel.anna, upload, name, body).await.expect("it fits");
    upload
}

async fn sent(panel: &TestPanel, guest: GuestId, name: &str) -> Result<OperationId, AppError> {
    let draft = FileSendDraft { upload: uploaded(panel, "file").await.to_string(), name: name.into() };
    panel.guests.file_send(&panel.anna, guest, draft, |_| Some("file".into())).await
}

async fn fetched(panel: &TestPanel, guest: GuestId, path: &str) -> Result<OperationId, AppError> {
    let draft = FileFetchDraft { path: path.into(), most_mib: 1 };
    panel.guests.file_fetch(&panel.anna, guest, draft).await
}

async fn rows(panel: &TestPanel, guest: GuestId) -> Vec<ParcelShown> {
    panel.guests.file_list(&panel.anna, guest).await.expect("hers").rows
}

fn fields<T: std::fmt::Debug>(refused: Result<T, AppError>) -> Vec<String> {
    match refused {
        Err(AppError::Invalid(errors)) => errors.0.into_iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

both! {
    async fn a_file_goes_in_and_one_comes_out_and_nothing_else_stays(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        let operation = sent(&panel, guest, "two words.txt").await.expect("it runs");
        let over = panel.over(operation).await;
        assert_eq!(over.state, OperationState::Done, "{over:#?}");
        assert_eq!(panel.host.disks(guest).expect("there").0, "file two words.txt ");
        assert_eq!(lying(place.path()), 0);

        let operation = fetched(&panel, guest, "/etc/hosts").await.expect("it runs");
        assert_eq!(panel.over(operation).await.state, OperationState::Done);
        let shown = rows(&panel, guest).await;
        let told: Vec<(FileWay, &str)> = shown.iter().map(|row| (row.way, row.name.as_str())).collect();
        assert_eq!(told, [(FileWay::Out, "/etc/hosts"), (FileWay::In, "two words.txt")]);
        let here = shown[0].here.as_ref().expect("it is here");
        assert_eq!((here.name.as_str(), here.bytes, lying(place.path())), ("hosts", 17, 1));
        let download = panel.guests.file_download(&panel.anna, operation).await.expect("hers");
        assert_eq!((download.fetched.at, download.fetched.bytes), (512, 17));

        // Of each guest there is the last; that of another stays.
        let again = fetched(&panel, guest, "/etc/passwd").await.expect("it runs");
        assert_eq!(panel.over(again).await.state, OperationState::Done);
        assert_eq!(lying(place.path()), 1);
        assert!(panel.guests.file_download(&panel.anna, operation).await.is_err(), "it is gone");
        panel.guests.file_download(&panel.anna, again).await.expect("it is here");
    }

    async fn what_a_guest_says_and_what_it_writes_ends_it_and_nothing_stays(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.set_slow_parcels(true);
        let operation = fetched(&panel, guest, "/none").await.expect("it runs");
        // One at a time, but what ends the guest is not held up.
        let busy = sent(&panel, guest, "a").await.expect_err("another is under way");
        assert!(busy.to_string().contains("Fetch a file is under way"), "{busy}");
        panel.eventually("it has its disk", async |panel| {
            panel.host.calls().iter().any(|call| call.starts_with("parcel_see"))
        }).await;
        panel.host.say(guest, "umbel-files: failed: there is no /none");
        let reason = "the guest says: there is no /none".to_owned();
        assert_eq!(panel.over(operation).await.state, OperationState::Failed { reason });
        // One upload is left of the try that was refused.
        assert_eq!(lying(place.path()), 1);

        let operation = sent(&panel, guest, "a").await.expect("it runs");
        panel.guests.operation_cancel(&panel.anna, operation).await.expect("it can be");
        assert_eq!(panel.over(operation).await.state, OperationState::Cancelled);
        assert_eq!(lying(place.path()), 1);
        assert!(panel.host.disks(guest).expect("there").0.is_empty());

        let operation = sent(&panel, guest, "a").await.expect("it runs");
        let kill = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("an operation");
        assert_eq!(panel.over(operation).await.state, OperationState::Cancelled);
        assert_eq!(panel.over(kill).await.state, OperationState::Done);
        let off = sent(&panel, guest, "a").await.expect_err("it is off");
        assert_eq!(off.status(), 409);
        let start = panel.guests.act(&panel.anna, guest, Action::Start).await.expect("it is off").expect("an operation");
        panel.over(start).await;

        panel.host.set_slow_parcels(false);
        panel.host.fail_next("parcel_lend", Refusal::BadParcel { reason: "its disk has become shorter".into() });
        let operation = fetched(&panel, guest, "/etc/hosts").await.expect("it runs");
        assert!(matches!(panel.over(operation).await.state, OperationState::Failed { .. }));
        assert!(rows(&panel, guest).await.iter().all(|row| row.here.is_none()));
    }

    async fn who_may_not_type_there_may_not_and_names_that_climb_are_told(fresh) {
        let (panel, _place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        let berta = account(&fresh.db, "berta", Role::User).await;
        let draft = FileFetchDraft { path: "/etc/shadow".into(), most_mib: 1 };
        for refused in [
            panel.guests.file_fetch(&berta, guest, draft).await.map(drop),
            panel.guests.file_list(&berta, guest).await.map(drop),
            panel.guests.file_upload_allowed(&berta, guest).await,
        ] {
            assert!(matches!(refused, Err(AppError::NotFound { .. })), "{refused:?}");
        }
        let operation = fetched(&panel, guest, "/etc/hosts").await.expect("it runs");
        panel.over(operation).await;
        assert!(panel.guests.file_download(&berta, operation).await.is_err());
        for name in ["../x", "a/b", "a\nb", ".."] {
            assert_eq!(fields(sent(&panel, guest, name).await), ["name"], "{name:?}");
            panel.uploads();
        }
        let none = FileSendDraft { upload: "x".into(), name: "a".into() };
        assert_eq!(fields(panel.guests.file_send(&panel.anna, guest, none, |_| None).await), ["upload"]);
        for (path, most, field) in [("x", 1, "path"), ("/a/../b", 1, "path"), ("/a", 0, "most_mib"), ("/a", 1025, "most_mib")] {
            let draft = FileFetchDraft { path: path.into(), most_mib: most };
            assert_eq!(fields(panel.guests.file_fetch(&panel.anna, guest, draft).await), [field], "{path}");
        }
        panel.host.set_disk_free_mib(1);
        assert_eq!(fetched(&panel, guest, "/etc/hosts").await.expect_err("no room").status(), 409);
    }

    async fn it_comes_out_as_what_is_kept_and_never_shown(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout.clone())).await;
        edge.test.host.share_uploads(layout);
        let guest = edge.test.made("web").await;
        let client = edge.signed_in("anna").await;
        let upload = client.file_upload_begin(guest).await.expect("hers");
        client.upload_put(upload, "file", "words").await.expect("it fits");
        let operation = client.file_send(guest, upload, "sent.txt").await.expect("it runs").expect("an operation");
        client.operation_over(operation, TAKES).await.expect("it is over");
        let operation = client.file_fetch(guest, "/etc/ho\"sts.html", 1).await.expect("it runs").expect("an operation");
        client.operation_over(operation, TAKES).await.expect("it is over");
        assert_eq!(content(&client, operation).await, b"words of a guest\n");
        let path = format!("/api/v1/operations/{operation}/file");
        let answer = client.request(reqwest::Method::GET, &path).send().await.expect("an answer");
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let name = "attachment; filename=\"ho_sts.html\"; filename*=UTF-8''ho%22sts.html";
        assert_eq!(header("content-disposition"), name);
        // Who is only a person sends no image with it: an upload for a guest is for a guest.
        let berta = edge.signed_in("berta").await;
        assert!(berta.file_upload_begin(guest).await.is_err() && berta.upload_put(upload, "x", "y").await.is_err());
        let told: Vec<(String, String)> = crate::audit::rows(&fresh.db).await.into_iter()
            .filter(|row| row.outcome == "allowed" && row.action.starts_with("file_"))
            .map(|row| (row.action, row.object_name)).collect();
        let row = |action: &str| (action.to_owned(), "web".to_owned());
        assert_eq!(told, [row("file_send"), row("file_fetch"), row("file_download"), row("file_download")]);
    }
}

async fn content(client: &Client, operation: OperationId) -> Vec<u8> {
    let mut coming = client.file_download(operation).await.expect("hers");
    let mut content = Vec::new();
    while let Some(some) = coming.next().await.expect("it comes") {
        content.extend(some);
    }
    assert_eq!(content.len() as u64, coming.bytes);
    content
}

#[tokio::test]
async fn a_real_guest_takes_a_file_and_gives_it_back() {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let guest =
        client.guest_create(&GuestDraft { disk_mib: 64, ..form.suggested() }).await.expect("a good draft").guest;
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    let bytes: Vec<u8> = (0..1_000_003_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let place = tempfile::NamedTempFile::new().expect("a file");
    fs::write(place.path(), &bytes).expect("written");
    let upload = client.file_upload_begin(guest).await.expect("ours");
    client.upload_send(upload, "file", place.path()).await.expect("sent");
    let operation = client.file_send(guest, upload, "data.bin").await.expect("it runs").expect("an operation");
    client.operation_over(operation, TAKES).await.expect("the guest has it");
    let most = ParcelSize::DEFAULT.mib();
    let operation = client.file_fetch(guest, "/root/files/data.bin", most).await.expect("it runs").expect("one");
    client.operation_over(operation, TAKES).await.expect("it is here");
    assert!(content(&client, operation).await == bytes);
    let operation = client.file_fetch(guest, "/none", most).await.expect("it runs").expect("an operation");
    let over = client.operation_over(operation, TAKES).await.expect("it is over");
    assert!(format!("{over:?}").contains("there is no /none"), "{over:?}");
    drop(console);
    let purge = client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
    drop(panel);
}
