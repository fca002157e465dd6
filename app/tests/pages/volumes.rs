//! Volumes on pages, as the server sends them.

use axum::http::StatusCode;
use umbel_app::paths;
use umbel_app::shown::{AttachedShown, Role, StrayVolume, VolumeShown, VolumeTaker, VolumesShown};
use umbel_guest::{Access, Relation, Seen, Slot, VolumeAccess, VolumeId, VolumeState, Wanted};
use uuid::Uuid;

use crate::fake::{Fake, caller, guest};
use crate::page;

fn fake(role: Role, relation: Relation) -> Fake {
    let web = guest("web", Wanted::Running, Seen::Running { since: 1 });
    let volume = |number: u128, name: &str, state, attached| VolumeShown {
        id: VolumeId(Uuid::from_u128(number)),
        name: name.into(),
        owner: web.owner,
        owner_name: "ada".into(),
        access: Access { role, relation },
        size_mib: 1024,
        state,
        taken_bytes: Some(5 << 20),
        created_at: 1,
        attached,
    };
    let at = AttachedShown {
        guest: web.id,
        guest_name: web.name.clone(),
        slot: Slot::C,
        device: Slot::C.device(),
        access: VolumeAccess::ReadOnly,
        is_there: true,
    };
    let volumes = vec![
        volume(1, "<data>", VolumeState::Kept, vec![at]),
        volume(2, "coming", VolumeState::Coming, Vec::new()),
        volume(3, "free", VolumeState::Kept, Vec::new()),
    ];
    let guests = vec![VolumeTaker { guest: web.id, name: web.name.clone(), owner: web.owner }];
    let strays = vec![StrayVolume { id: VolumeId(Uuid::from_u128(9)), size_bytes: 64 << 20, taken_bytes: 0 }];
    Fake { volumes: VolumesShown { volumes, guests, strays }, guests: vec![web], ..Fake::default() }
}

async fn seen(fake: Fake, role: Role, path: &str) -> String {
    let (status, html) = page(fake, Some(caller(role)), path).await;
    assert_eq!(status, StatusCode::OK, "{html}");
    html
}

#[tokio::test]
async fn volumes_are_shown_with_whoever_has_them_and_what_can_be_done() {
    let html = seen(fake(Role::User, Relation::Owner), Role::User, paths::VOLUMES).await;
    for part in ["&lt;data&gt;", "1 GiB", "5.0 MiB", "/dev/ubdc", "read only", "Being made", "Files without a volume"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    for call in ["create", "attach", "detach", "grow", "remove"] {
        assert!(html.contains(&format!("/_sf/volume_{call}")), "{call} in {html}");
    }
    // Which a guest has is not removed.
    let begins = format!("data-opens=\"remove-{}\"", VolumeId(Uuid::from_u128(1)).short());
    let at = html.find(&begins).unwrap_or_else(|| panic!("{begins} in {html}"));
    let from = html[..at].rfind("<button").unwrap_or_default();
    assert!(html[from..].split('>').next().is_some_and(|tag| tag.contains("disabled")), "{html}");
}

#[tokio::test]
async fn whoever_may_only_see_them_is_offered_nothing() {
    let html = seen(fake(Role::Operator, Relation::Stranger), Role::Operator, paths::VOLUMES).await;
    assert!(html.contains("&lt;data&gt;"));
    for call in ["attach", "grow"] {
        assert!(!html.contains(&format!("/_sf/volume_{call}")), "{call} in {html}");
    }
}

#[tokio::test]
async fn a_guests_disk_shows_its_volumes_and_those_that_it_can_have() {
    let fake = fake(Role::User, Relation::Owner);
    let path = paths::guest_disk(fake.guests[0].id);
    let html = seen(fake, Role::User, &path).await;
    for part in ["&lt;data&gt;", "/dev/ubdc", "/_sf/volume_detach", "/_sf/volume_attach", ">free</option>"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains(">coming</option>"), "{html}");
}
