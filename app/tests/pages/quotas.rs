//! Quotas on pages, as the server sends them.

use axum::http::StatusCode;
use umbel_app::paths;
use umbel_app::shown::{QuotaRequestShown, QuotaRequestState, Role};
use umbel_guest::quota::Kind;
use umbel_guest::{AccountId, QuotaRequestId};
use uuid::Uuid;

use crate::fake::{Fake, caller};
use crate::page;

fn wish() -> QuotaRequestShown {
    QuotaRequestShown {
        id: QuotaRequestId(Uuid::from_u128(12)),
        account: AccountId(Uuid::from_u128(1)),
        account_name: "ada".into(),
        kind: Kind::Memory,
        wanted: 8192,
        why: "A class of thirty".into(),
        state: QuotaRequestState::Open,
        created_at: 0,
    }
}

#[tokio::test]
async fn administrators_see_wishes_defaults_and_accounts() {
    let fake = Fake { quota: Some((3, 10)), requests: vec![wish()], ..Fake::default() };
    let (status, html) = page(fake.clone(), Some(caller(Role::Administrator)), paths::QUOTAS).await;
    assert_eq!(status, StatusCode::OK);
    for part in ["A class of thirty", "8 GiB", "Grant", "/_sf/quota_decide", "3 of 10", "every user", "/_sf/quota_set"]
    {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (status, html) = page(fake, Some(caller(Role::User)), paths::QUOTAS).await;
    assert_eq!((status, html.contains("A class of thirty")), (StatusCode::FORBIDDEN, false));
}

#[tokio::test]
async fn everybody_sees_their_own_and_may_ask_for_more() {
    let fake = Fake { quota: Some((3, 10)), requests: vec![wish()], ..Fake::default() };
    let (_, html) = page(fake, Some(caller(Role::User)), paths::ACCOUNT).await;
    for part in ["Running guests", "default of the role", "Not decided yet", "/_sf/quota_ask"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (_, html) = page(Fake::default(), Some(caller(Role::User)), paths::ACCOUNT).await;
    assert!(html.contains("no limit") && !html.contains("/_sf/quota_ask"), "who has no limit wants no more");
}

#[tokio::test]
async fn a_new_guest_says_what_the_quota_has_no_room_for() {
    let fake = |used, most| Fake { quota: Some((used, most)), ..Fake::default() };
    let create = "aria-describedby=\"create-short\"";
    let (_, html) = page(fake(10, 10), Some(caller(Role::User)), paths::GUEST_NEW).await;
    assert!(html.contains("Guests: the quota is 10 (default of the role), 10 used"), "{html}");
    let button = |html: &str| html.split("<button").find(|part| part.contains(create)).unwrap_or_default().to_owned();
    assert!(button(&html).split('>').next().unwrap_or_default().contains("disabled"), "{}", button(&html));
    // Room for a small one.
    let (_, html) = page(fake(0, 100), Some(caller(Role::User)), paths::GUEST_NEW).await;
    assert!(html.contains("more than the 100 MiB left of your quota"), "{html}");
    assert!(!button(&html).split('>').next().unwrap_or_default().contains("disabled"), "{}", button(&html));
    assert!(html.contains("Left of the quota after it"));
}

#[tokio::test]
async fn use_is_seen_day_by_day_and_by_account_where_that_may_be() {
    let (status, html) = page(Fake::default(), Some(caller(Role::User)), paths::USAGE).await;
    assert_eq!(status, StatusCode::OK);
    for part in ["By day", "2024-10-04", "1.50", "45.00 h", paths::USAGE_EXPORT] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains("By account"));
    let (_, html) = page(Fake::default(), Some(caller(Role::Administrator)), "/usage?days=7").await;
    assert!(html.contains("By account") && html.contains("/api/v1/usage/export?days=7"), "{html}");
}
