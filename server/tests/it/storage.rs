//! What takes how much of the host's disk, and what lies there that the panel has no row of.

use umbel_app::AppError;
use umbel_app::backend::Storage as _;
use umbel_app::shown::{SnapshotDraft, StorageShown};
use umbel_guest::{DiskKind, DiskSize, Generation, GuestId, SnapshotId};
use umbel_server::host::Host as _;
use uuid::Uuid;

use crate::harness::db::both;
use crate::harness::edge::Edge;

async fn storage(edge: &Edge) -> StorageShown {
    edge.panel.storage(&edge.root).await.expect("root's to see")
}

/// Files of a guest of another panel's.
async fn stranger(edge: &Edge) -> GuestId {
    let guest = GuestId(Uuid::now_v7());
    let image = "tiny-5".parse().expect("a slug");
    edge.test.host.disk_create(guest, Generation::FIRST, image, DiskSize::DEFAULT, DiskKind::Cow).await.expect("made");
    edge.test.host.write(guest, "much");
    guest
}

both! {
    async fn what_takes_most_is_told_first_and_what_sharing_saves(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (small, large) = (edge.test.made("small").await, edge.test.made("large").await);
        edge.test.host.write(small, "a");
        edge.test.host.write(large, "abc");
        let draft = SnapshotDraft { name: "mine".into() };
        let taken = edge.test.guests.snapshot_take(&edge.test.anna, small, draft).await.expect("there is room");
        edge.test.over(taken.operation).await;
        let shown = storage(&edge).await;
        let guests: Vec<_> = shown.guests.iter().map(|g| (g.name.as_str(), g.taken_bytes, g.snapshots_bytes)).collect();
        assert_eq!(guests, [("large", 3, 0), ("small", 1, 1)]);
        assert_eq!((shown.guests[1].snapshots, shown.guests[1].owner.as_str()), (1, "anna"));
        let tiny = &shown.images[0];
        assert_eq!((tiny.image.as_str(), tiny.guests, tiny.taken_bytes, tiny.saved_bytes), ("tiny-5", 2, 3 << 20, 3 << 20));
        assert_eq!((shown.leftovers.len(), shown.others), (0, 0));
        let refused = edge.panel.storage(&edge.test.anna).await;
        assert!(matches!(refused, Err(AppError::Forbidden { .. })), "{refused:?}");
    }

    async fn what_the_panel_has_no_row_of_is_named_and_goes_only_on_request(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let other = stranger(&edge).await;
        let lost = SnapshotId(Uuid::now_v7());
        let row = edge.test.row(guest).await.expect("there");
        edge.test.host.snapshot_take(guest, row.generation, lost).await.expect("taken");
        let left: Vec<_> = storage(&edge).await.leftovers.into_iter().map(|l| (l.guest, l.guest_name, l.snapshot)).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left.contains(&(other, None, None)) && left.contains(&(guest, Some("web".into()), Some(lost))));

        let before = edge.test.dump().await;
        let remove = async |of, id| edge.panel.leftover_remove(&edge.root, of, id).await;
        assert!(matches!(remove(guest, None).await, Err(AppError::Conflict { .. })), "the panel has it");
        let draft = SnapshotDraft { name: "mine".into() };
        let taken = edge.test.guests.snapshot_take(&edge.test.anna, guest, draft).await.expect("there is room");
        edge.test.over(taken.operation).await;
        assert!(matches!(remove(guest, Some(taken.snapshot)).await, Err(AppError::Conflict { .. })), "and that too");
        for (of, id) in [(GuestId(Uuid::now_v7()), None), (other, Some(lost)), (guest, Some(SnapshotId(Uuid::now_v7())))] {
            assert_eq!(remove(of, id).await, Err(AppError::not_found("leftover")));
        }
        let refused = edge.panel.leftover_remove(&edge.test.anna, other, None).await;
        assert!(matches!(refused, Err(AppError::Forbidden { .. })), "{refused:?}");
        edge.test.guests.snapshot_remove(&edge.test.anna, guest, taken.snapshot).await.expect("hers");
        assert_eq!(edge.test.dump().await, before);
        assert!(edge.test.host.disks(other).is_some());

        remove(other, None).await.expect("nobody's");
        remove(guest, Some(lost)).await.expect("nobody's");
        assert_eq!(storage(&edge).await.leftovers, []);
        let (used, kept) = edge.test.host.disks(guest).expect("as before");
        assert!(kept.is_empty(), "{used} {kept:?}");
    }
}
