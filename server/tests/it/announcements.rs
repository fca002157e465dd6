//! What everybody is told on every page.

use umbel_server::announcements::Announcements;
use umbel_server::clock::{Clock, HOUR};

use crate::harness::db::both;
use crate::harness::edge::Edge;

both! {
    async fn what_is_announced_stands_on_every_page_until_its_end(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (root, anna) = (edge.signed_in("root").await, edge.signed_in("anna").await);
        let text_of = async |client: &umbel_client::Client, path: &str| {
            client.request(reqwest::Method::GET, path).send().await.expect("an answer").text().await.expect("text")
        };
        assert_eq!(anna.announcement_fetch().await.expect("nothing"), None);
        anna.announcement_set("hers", "info", None).await.expect_err("not hers to say");
        root.announcement_set("Down at <noon>", "warning", Some(2)).await.expect("said");
        for (client, path) in [(&anna, "/"), (&anna, "/guests"), (&edge.client(), "/sign-in"), (&anna, "/account/password")] {
            let html = text_of(client, path).await;
            assert!(html.contains("Down at &lt;noon&gt;") && html.contains("Warning"), "{path}: {html}");
        }
        let said = anna.announcement_fetch().await.expect("an answer").expect("it was said");
        assert_eq!((said.text.as_str(), said.level.as_str()), ("Down at <noon>", "warning"));

        let mut parts = edge.test.guests.parts.clone();
        parts.clock = Clock::set_to(said.until.expect("two hours") - 1);
        let later = Announcements::new(parts.clone());
        assert!(later.fetch().await.expect("a read").is_some());
        parts.clock.advance(HOUR);
        assert_eq!(later.fetch().await.expect("a read"), None, "it has ended");

        root.announcement_clear().await.expect("taken back");
        assert!(!text_of(&edge.client(), "/sign-in").await.contains("Down at"));
        let error = root.announcement_set(" ", "info", Some(0)).await.expect_err("nothing is said");
        assert_eq!(error.fields().iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["text"]);
    }
}
