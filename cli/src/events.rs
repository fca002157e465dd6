//! What changes, a line each, until it is interrupted.

use std::io::Write as _;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;
use umbel_client::{Client, Event};

use crate::error::Failure;
use crate::options::{EventOptions, Form};

pub(crate) async fn run(panel: &Client, options: EventOptions, form: Form) -> Result<(), Failure> {
    let patience = Duration::from_secs(options.patience);
    let mut events = panel.events(options.after.as_deref()).await?.with_patience(patience);
    let mut left = options.limit;
    while left != Some(0) {
        let event = events.next().await?;
        let mut out = std::io::stdout().lock();
        match form {
            Form::Table => writeln!(out, "{}", line(&event, OffsetDateTime::now_utc())?)?,
            Form::Json => writeln!(out, "{}", serde_json::to_string(&event)?)?,
            Form::Yaml => write!(out, "---\n{}", serde_yaml_ng::to_string(&event)?)?,
        }
        // Whoever reads a pipe wants it now.
        out.flush()?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// `13:05:01Z  guest  0190b6f0-…`
fn line(event: &Event, now: OffsetDateTime) -> Result<String, Failure> {
    let at = now.format(format_description!("[hour]:[minute]:[second]Z")).unwrap_or_default();
    let topic = serde_json::to_value(event.topic)?;
    let word = |key: &str| topic.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    Ok(format!("{at}  {:9}  {}", word("topic"), word("id")).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_and_what() {
        let topic = serde_json::from_str(r#"{"topic":"guest","id":"0190b6f0-0000-7000-8000-000000000001"}"#);
        let event = Event { id: "x-1".into(), topic: topic.expect("a topic") };
        let at = OffsetDateTime::from_unix_timestamp(3661).expect("a time");
        let text = line(&event, at).expect("a line");
        assert_eq!(text, "01:01:01Z  guest      0190b6f0-0000-7000-8000-000000000001");
        let event = Event { id: "x-2".into(), topic: serde_json::from_str(r#"{"topic":"everything"}"#).expect("one") };
        assert_eq!(line(&event, at).expect("a line"), "01:01:01Z  everything");
    }
}
