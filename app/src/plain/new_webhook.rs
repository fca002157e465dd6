use super::document::{document, escape};
use crate::paths;
use crate::shown::NewWebhook;

/// What an administrator without scripts is shown once, after a webhook was made.
pub fn new_webhook_page(new: &NewWebhook, nonce: &str) -> String {
    let url = escape(&new.url);
    let made = match &new.secret {
        Some(secret) => format!(
            "<p>What signs events to <strong>{url}</strong>: <code>{}</code></p>\n<p>It is shown only now.</p>\n",
            escape(secret)
        ),
        None => format!("<p>Events are sent to <strong>{url}</strong>.</p>\n"),
    };
    let body = format!("{made}<p><a class=\"button\" href=\"{}\">Back to webhooks</a></p>\n", paths::WEBHOOKS);
    document("New webhook", nonce, &body)
}

#[cfg(test)]
mod tests {
    use umbel_guest::WebhookId;

    use super::*;

    #[test]
    fn it_names_the_address_and_is_text() {
        let id: WebhookId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        let page = new_webhook_page(&NewWebhook { id, url: "https://<b>".into(), secret: Some("s&1".into()) }, "n");
        assert!(page.contains("https://&lt;b&gt;") && page.contains("<code>s&amp;1</code>"), "{page}");
    }
}
