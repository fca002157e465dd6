//! What goes into a guest and comes out of it.

use umbel_app::paths;
use umbel_app::shown::Role;
use umbel_guest::Wanted;

use crate::fake::{Fake, caller, guest};
use crate::machine::RUNNING;
use crate::page;

#[tokio::test]
async fn what_goes_and_what_came_is_shown_with_what_can_be_had_of_it() {
    let web = guest("web", Wanted::Running, RUNNING);
    let path = paths::guest_files(web.id);
    let fake = Fake { guests: vec![web.clone()], ..Fake::default() };
    let (_, html) = page(fake, Some(caller(Role::User)), &path).await;
    // Both are plain forms; what is sent comes by scripts before.
    assert!(html.contains("/_sf/file_send") && html.contains("/_sf/file_fetch"), "{html}");
    assert!(html.contains(&format!("/api/v1/guests/{}/files/uploads", web.id)), "{html}");
    assert!(
        html.contains("Download, 10 KiB") && html.contains(&format!("/api/v1/operations/{}/file", web.id.0)),
        "{html}"
    );
    // A guest's words are words.
    assert!(html.contains("&lt;b&gt;no&lt;/b&gt; room") && html.contains("The guest is at it."), "{html}");
    assert!(html.contains("/root/files") && html.contains("/dev/ubdp"), "{html}");
}
