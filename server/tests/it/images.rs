//! Images: what the catalogue says of them, and what people say about one.

use std::time::Duration;

use tempfile::TempDir;
use umbel_app::AppError;
use umbel_app::backend::Backend as _;
use umbel_app::backend::Caller;
use umbel_app::shown::{AuditFilter, ImageChange, ImageFilter, RebuildDraft};
use umbel_client::{Client, Error, ImageDraft};
use umbel_guest::publish::Trace;
use umbel_guest::{Action, GroupId, GuestDraft, ImageId, SnapshotId, Visibility};
use umbel_server::host::simulated::debian;
use umbel_server::store::images::{Image, ImageState, image_put};
use umbel_wire::Layout;
use umbel_wire::agent::{KernelFacts, Refusal};
use uuid::Uuid;

use crate::groups;
use crate::harness::db::{Fresh, both};
use crate::harness::edge::Edge;
use crate::harness::panel::draft as draft_of;

const SOON: Duration = Duration::from_secs(10);

fn mine() -> ImageDraft {
    let (name, version) = ("mine".into(), "1".into());
    ImageDraft { name, version, note: "Ours.".into(), ..ImageDraft::default() }
}

/// A file that came in.
async fn sent(client: &Client) -> String {
    let upload = client.upload_begin().await.expect("a place");
    client.upload_put(upload, "root_fs", "a file system").await.expect("it fits");
    upload.to_string()
}

async fn edge_with_place(fresh: &Fresh) -> (Edge, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    (Edge::start_in(&fresh.db, Some(layout)).await, place)
}

fn status<T: std::fmt::Debug>(done: Result<T, Error>) -> u16 {
    done.expect_err("refused").status().map_or(0, |status| status.as_u16())
}

fn tiny() -> ImageId {
    "tiny-5".parse().expect("a slug")
}

fn asking(q: &str, cursor: &str, limit: &str) -> ImageFilter {
    ImageFilter { q: q.into(), cursor: cursor.into(), limit: limit.into() }
}

both! {
    async fn a_deprecated_image_is_offered_last_with_the_reason_and_kept_by_who_has_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let change = |deprecated| {
            let note = Some("Take the next one.".into());
            ImageChange { note, deprecated: Some(deprecated), ..ImageChange::default() }
        };
        let refused = edge.panel.image_change(&edge.test.anna, tiny(), change(true)).await;
        assert!(matches!(refused, Err(AppError::Forbidden { .. })), "{refused:?}");
        let first = async || edge.panel.guest_form(&edge.test.anna).await.expect("a form").images;
        assert_eq!(first().await[0].id, tiny());
        edge.panel.image_change(&edge.root, tiny(), change(true)).await.expect("root's");
        let last = first().await.pop().expect("two of them");
        assert_eq!((last.id, last.deprecated.as_deref()), (tiny(), Some("Take the next one.")));
        edge.test.made("web").await;
        let shown = edge.panel.image_fetch(&edge.root, tiny()).await.expect("it is there");
        assert_eq!((shown.deprecated, shown.used_by), (true, Some(1)));
        let hers = edge.panel.image_fetch(&edge.test.anna, tiny()).await.expect("it is there");
        assert_eq!(hers.used_by, None, "others' guests are not hers to count");
        edge.panel.image_change(&edge.root, tiny(), change(false)).await.expect("root's");
        assert_eq!(first().await[0].deprecated, None);
    }

    async fn the_catalogue_is_read_by_page_and_by_what_is_in_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let list = async |filter| edge.panel.image_list(&edge.test.anna, filter).await;
        let page = list(asking("", "", "1")).await.expect("a page");
        assert_eq!((page.rows[0].id.as_str(), page.next.as_deref()), ("host", Some("host")));
        assert_eq!((page.rows[0].version.as_deref(), page.rows[0].sha256.as_deref()), (None, None));
        let rest = list(asking("", "host", "")).await.expect("a page");
        assert_eq!((rest.rows.len(), rest.rows[0].name.as_str(), rest.next), (1, "tiny", None));
        assert_eq!(list(asking("TINY", "", "")).await.expect("a page").rows.len(), 1);
        assert!(list(asking("nothing", "", "")).await.expect("a page").rows.is_empty());
        for wrong in [asking("", "../x", ""), asking("", "", "0"), asking("a\0", "", "")] {
            assert!(matches!(list(wrong).await, Err(AppError::Invalid(_))));
        }
    }

    async fn a_kernel_that_has_not_its_file_system_is_refused(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let mut bare = KernelFacts { id: "bare".parse().expect("a slug"), is_default: false, ..debian() };
        bare.features.file_systems = vec!["vfat".into()];
        edge.test.host.put_kernel(bare);
        let of_bare = GuestDraft { kernel: "bare".into(), ..draft_of("web") };
        let Err(AppError::Invalid(wrong)) = edge.panel.guest_create(&edge.test.anna, of_bare).await else {
            panic!("it was made");
        };
        assert_eq!((wrong.0[0].field.as_str(), wrong.0.len()), ("kernel", 1), "{wrong}");
        assert!(wrong.0[0].message.contains("no ext4"), "{wrong}");
    }

    async fn nothing_and_what_isn_t_there_are_refused(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let none: ImageId = "none-1".parse().expect("a slug");
        let change = async |id, change| edge.panel.image_change(&edge.root, id, change).await;
        assert!(matches!(change(tiny(), ImageChange::default()).await, Err(AppError::Invalid(_))));
        let long = ImageChange { note: Some("a".repeat(5000)), ..ImageChange::default() };
        assert!(matches!(change(tiny(), long).await, Err(AppError::Invalid(_))));
        let note = ImageChange { note: Some("x".into()), ..ImageChange::default() };
        assert!(matches!(change(none.clone(), note).await, Err(AppError::NotFound { .. })));
        assert!(matches!(edge.panel.image_fetch(&edge.root, none).await, Err(AppError::NotFound { .. })));
    }

    async fn an_image_is_uploaded_used_and_removed_over_the_api(fresh) {
        let (edge, _place) = edge_with_place(&fresh).await;
        let (root, anna) = (edge.signed_in("root").await, edge.signed_in("anna").await);
        let draft = ImageDraft { upload: sent(&root).await, ..mine() };
        assert_eq!(status(anna.image_import(&draft).await), 403, "not hers");
        let operation = root.image_import(&draft).await.expect("a free name").expect("one");
        let over = root.operation_over(operation, SOON).await.expect("over");
        assert_eq!(over.state, umbel_client::OperationState::Done, "{over:?}");
        let id: ImageId = "mine-1".parse().expect("a slug");
        let offered = anna.guest_form().await.expect("a form").images;
        assert_eq!(offered.iter().map(|image| image.id.as_str()).collect::<Vec<_>>(), ["tiny-5", "mine-1", "host"]);
        let shown = anna.image_fetch(&id).await.expect("it is there");
        assert_eq!((shown.origin.as_str(), shown.title.as_str(), shown.note.as_str()), ("imported", "mine", "Ours."));

        let again = root.image_import(&ImageDraft { upload: sent(&root).await, ..mine() }).await.expect_err("taken");
        assert_eq!(again.fields()[0].field, "version");
        let made = anna.guest_create(&GuestDraft { image: "mine-1".into(), ..draft_of("web") }).await.expect("she may");
        anna.operation_over(made.operation, SOON).await.expect("over");
        let refused = root.image_remove(&id).await.expect_err("in use").to_string();
        assert!(refused.contains("One guest has mine-1"), "{refused}");
        let purge = anna.guest_act(made.guest, Action::Purge).await.expect("hers").expect("one");
        anna.operation_over(purge, SOON).await.expect("over");
        edge.test.host.fail_next("image_remove", Refusal::ImageInUse { image: id.clone() });
        assert!(root.image_remove(&id).await.is_err(), "the agent knows better");
        assert_eq!(anna.image_fetch(&id).await.expect("as before").note, "Ours.");
        root.image_remove(&id).await.expect("nobody has it");
        assert_eq!(status(anna.image_fetch(&id).await), 404);
        assert_eq!(status(root.image_remove(&tiny()).await), 409, "Umbel's own");
    }

    async fn an_image_is_made_of_a_snapshot_and_says_what_of_it_is_not_in_it(fresh) {
        let (edge, _place) = edge_with_place(&fresh).await;
        let (root, anna) = (edge.signed_in("root").await, edge.signed_in("anna").await);
        let guest = edge.test.made("web").await;
        edge.test.host.write(guest, "one ");
        let taken = anna.snapshot_take(guest, "mine").await.expect("there is room");
        anna.operation_over(taken.operation, SOON).await.expect("over");
        let snapshot = taken.snapshot;
        let of = |guest, snapshot| ImageDraft {
            guest: Some(guest),
            snapshot: Some(snapshot),
            name: "class".into(),
            version: "1".into(),
            ..ImageDraft::default()
        };
        let found = root.snapshot_traces(guest, snapshot).await.expect("looked at");
        assert_eq!(found.iter().map(|found| found.trace).collect::<Vec<_>>(), [Trace::HostKeys, Trace::Logs]);
        assert_eq!(status(anna.snapshot_traces(guest, snapshot).await), 403, "images are not hers to make");
        assert_eq!(status(anna.image_import(&of(guest, snapshot)).await), 403);
        let before = edge.test.dump().await;
        let unknown = SnapshotId(Uuid::now_v7());
        assert_eq!(status(root.image_import(&of(guest, unknown)).await), 404);
        let both = ImageDraft { url: "https://example.org/disk".into(), ..of(guest, snapshot) };
        let none = ImageDraft { snapshot: None, ..of(guest, snapshot) };
        for (draft, field) in [(both, "guest"), (none, "snapshot")] {
            let wrong = root.image_import(&draft).await.expect_err("it is wrong");
            assert_eq!(wrong.fields()[0].field, field);
        }
        assert_eq!(edge.test.dump().await, before);

        let operation = root.image_import(&of(guest, snapshot)).await.expect("a free name").expect("one");
        let over = root.operation_over(operation, SOON).await.expect("over");
        assert_eq!(over.state, umbel_client::OperationState::Done, "{over:?}");
        let log = over.log.iter().map(|line| line.text.as_str()).collect::<String>();
        assert!(log.contains("Not in it: Host keys, 1 of 1 KiB."), "{log}");
        let call = format!("image_publish class-1 {guest} {snapshot} remove");
        assert!(edge.test.host.calls().contains(&call), "{:?}", edge.test.host.calls());
        let shown = anna.image_fetch(&"class-1".parse().expect("a slug")).await.expect("offered to all");
        assert_eq!(shown.origin, "made of a guest");
        let filter = AuditFilter { action: "image_import".into(), ..AuditFilter::default() };
        let rows = edge.panel.audit_list(&edge.root, filter).await.expect("a page").rows;
        assert!(rows[0].detail.contains(&format!("{guest} {snapshot} logins=remove")), "{:?}", rows[0]);

        edge.test.host.fail_next("image_publish", Refusal::BadDisk { reason: "its file system is damaged".into() });
        let again = ImageDraft { version: "2".into(), ..of(guest, snapshot) };
        let operation = root.image_import(&again).await.expect("a free name").expect("one");
        let over = root.operation_over(operation, SOON).await.expect("over");
        assert!(matches!(over.state, umbel_client::OperationState::Failed { .. }), "{over:?}");
        assert_eq!(root.image_list().await.expect("a list").len(), 3, "nothing is left of it");
    }

    async fn a_file_that_is_no_image_leaves_nothing_and_says_why(fresh) {
        let (edge, place) = edge_with_place(&fresh).await;
        let root = edge.signed_in("root").await;
        let before = edge.test.dump().await;
        let reason = "it is divided into partitions".to_owned();
        edge.test.host.fail_next("image_import", Refusal::BadImage { image: tiny(), reason });
        let failed = async |upload: String| {
            let operation = root.image_import(&ImageDraft { upload, ..mine() }).await.expect("a free name").expect("one");
            match root.operation_over(operation, SOON).await.expect("over").state {
                umbel_client::OperationState::Failed { reason } => reason,
                other => panic!("{other:?}"),
            }
        };
        assert!(failed(sent(&root).await).await.contains("partitions"));
        let two = root.upload_begin().await.expect("a place");
        for name in ["one", "other"] {
            root.upload_put(two, name, "bytes").await.expect("it fits");
        }
        assert!(failed(two.to_string()).await.contains("here are 2"));
        let none = root.upload_begin().await.expect("a place");
        assert!(failed(none.to_string()).await.contains("here are 0"));
        assert_eq!(edge.test.dump().await, before);
        let left = std::fs::read_dir(place.path().join("panel/uploads")).expect("there").count();
        assert_eq!(left, 0, "of uploads");
    }

    async fn an_image_that_is_being_made_says_how_far_it_is_and_can_be_cancelled(fresh) {
        let (edge, place) = edge_with_place(&fresh).await;
        let root = edge.signed_in("root").await;
        edge.test.host.set_slow_imports(Some(42));
        let draft = ImageDraft { upload: sent(&root).await, ..mine() };
        let operation = root.image_import(&draft).await.expect("a free name").expect("one");
        let said = async || root.operation_fetch(operation).await.expect("there").log;
        let until = tokio::time::Instant::now() + SOON;
        while !said().await.iter().any(|line| line.text == "40 % of it are read.") {
            assert!(tokio::time::Instant::now() < until, "{:?}", said().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        root.operation_cancel(operation).await.expect("it can be");
        let state = root.operation_over(operation, SOON).await.expect("over").state;
        assert_eq!(state, umbel_client::OperationState::Cancelled);
        assert_eq!(std::fs::read_dir(place.path().join("panel/uploads")).expect("there").count(), 0);
        assert!(root.image_list().await.expect("a list").iter().all(|image| image.name != "mine"));
    }

    async fn an_upload_stops_before_the_disk_is_full(fresh) {
        let (edge, place) = edge_with_place(&fresh).await;
        let root = edge.signed_in("root").await;
        let upload = root.upload_begin().await.expect("a place");
        edge.test.host.set_disk_free_mib(2_000);
        assert_eq!(status(root.upload_put(upload, "root_fs", "a file system").await), 409);
        let files = place.path().join(format!("panel/uploads/{upload}/files"));
        assert_eq!(std::fs::read_dir(files).expect("there").count(), 0);
        edge.test.host.set_disk_free_mib(2_048);
        root.upload_put(upload, "root_fs", "a file system").await.expect("a tenth is left");
    }

    async fn who_doesnt_see_an_image_makes_no_guest_of_it_and_who_has_it_keeps_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (anna, berta) = (&edge.test.anna, &edge.berta);
        let ids = async |caller: &Caller| {
            let form = edge.panel.guest_form(caller).await.expect("a form");
            let listed = edge.panel.image_list(caller, ImageFilter::default()).await.expect("a list").rows;
            let ids: Vec<ImageId> = listed.into_iter().map(|image| image.id).collect();
            assert!(form.images.iter().all(|choice| ids.contains(&choice.id)) && form.images.len() == ids.len());
            ids
        };
        let show = async |visibility| {
            let change = ImageChange { visibility: Some(visibility), ..ImageChange::default() };
            edge.panel.image_change(&edge.root, tiny(), change).await
        };
        let guest = edge.test.made("web").await;
        assert!(ids(anna).await.contains(&tiny()));
        show(Visibility::Private).await.expect("root's");
        assert!(!ids(anna).await.contains(&tiny()) && ids(&edge.root).await.contains(&tiny()));
        let hers = edge.panel.image_fetch(anna, tiny()).await;
        assert!(matches!(hers, Err(AppError::NotFound { .. })), "{hers:?}");
        let Err(AppError::Invalid(wrong)) = edge.panel.guest_create(anna, draft_of("two")).await else { panic!("made") };
        assert_eq!(wrong.0[0].field, "image");
        let rebuild = RebuildDraft { image: tiny().to_string() };
        let Err(AppError::Invalid(wrong)) = edge.panel.guest_rebuild(anna, guest, rebuild).await else { panic!("built") };
        assert_eq!(wrong.0[0].field, "image");
        edge.panel.guest_create(&edge.root, draft_of("roots")).await.expect("who manages images sees all");

        // One of a group's, to whoever is in it now.
        let group = groups::made(&edge, "class", &[]).await;
        show(Visibility::Group(group)).await.expect("it is there");
        assert!(!ids(anna).await.contains(&tiny()));
        groups::put(&edge, group, "anna", "member").await.expect("root's");
        assert!(ids(anna).await.contains(&tiny()) && !ids(berta).await.contains(&tiny()));
        edge.panel.guest_create(anna, draft_of("three")).await.expect("she sees it");
        let Err(AppError::Invalid(wrong)) = show(Visibility::Group(GroupId(Uuid::nil()))).await else { panic!("gone") };
        assert_eq!(wrong.0[0].field, "visibility");
    }

    async fn of_what_is_being_taken_away_no_guest_is_made(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let host = edge.test.guests.parts.host;
        let going = Image { state: ImageState::Going, ..Image::new(tiny()) };
        image_put(&fresh.db, host, &going).await.expect("written");
        let Err(AppError::Invalid(wrong)) = edge.panel.guest_create(&edge.test.anna, draft_of("web")).await else {
            panic!("it was made");
        };
        assert_eq!(wrong.0[0].field, "image");
        let form = edge.panel.guest_form(&edge.test.anna).await.expect("a form");
        assert!(form.images.iter().all(|image| image.id != tiny()));
        assert!(matches!(edge.panel.image_fetch(&edge.root, tiny()).await, Err(AppError::NotFound { .. })));
        let note = ImageChange { note: Some("x".into()), ..ImageChange::default() };
        assert!(matches!(edge.panel.image_change(&edge.root, tiny(), note).await, Err(AppError::NotFound { .. })));
    }
}
