use super::document::{document, escape};
use crate::paths;
use crate::shown::NewWebhook;

/// What an administrator without scripts is shown once, after a webhook was made.
pub fn new_webhook_page(new: &NewWebhook, nonce: &str) -> String {
    let body = format!(
        "<p>What signs events to <strong>{}</strong>: <code>{}</code></p>\n\
         <p>It is shown only now.</p>\n\
         <p><a class=\"button\" href=\"{}\">Back to webhooks</a></p>\n",
        escape(&new.url),
        escape(&new.secret),
        paths::WEBHOOKS
    );
    document("New webhook", nonce, &body)
}

#[cfg(test)]
mod tests {
    use umbel_guest::WebhookId;

    use super::*;

    #[test]
    fn it_names_the_address_and_is_text() {
        let id: WebhookId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        let page = new_webhook_page(&NewWebhook { id, url: "https://<b>".into(), secret: "s&1".into() }, "n");
        assert!(page.contains("https://&lt;b&gt;") && page.contains("<code>s&amp;1</code>"), "{page}");
    }
}
