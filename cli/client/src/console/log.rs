use reqwest::Method;
use reqwest::header::HeaderMap;
use umbel_guest::GuestId;

use crate::client::Client;
use crate::error::Error;

/// What is kept of a console, as one piece of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Offset of the first byte.
    pub from: u64,
    /// Offset of the next byte that the guest writes.
    pub end: u64,
    /// Stretches that are not kept any more, as `(from, to)`.
    pub gaps: Vec<(u64, u64)>,
    pub bytes: Vec<u8>,
}

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Client {
    /// What is kept of the console from an offset on, without a WebSocket.
    pub async fn console_log(&self, guest: GuestId, since: u64) -> Result<Log, Error> {
        let path = format!("/guests/{guest}/console/log?since={since}");
        let response = self.api(Method::GET, &path).done().await?;
        let log = read_headers(response.headers());
        let bytes = response.bytes().await.map_err(|source| Error::Send { what: path, source })?;
        Ok(Log { bytes: bytes.to_vec(), ..log })
    }
}

fn read_headers(headers: &HeaderMap) -> Log {
    let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or_default();
    let gaps = headers.get_all("x-umbel-gap").iter().filter_map(|gap| {
        let (from, to) = gap.to_str().ok()?.split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    Log { from: number("x-umbel-from"), end: number("x-umbel-end"), gaps: gaps.collect(), bytes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_where_the_text_lies() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("x-umbel-from", "5"), ("x-umbel-end", "90"), ("x-umbel-gap", "10-20"), ("x-umbel-gap", "x")]
        {
            headers.append(name, value.parse().expect("a value"));
        }
        assert_eq!(read_headers(&headers), Log { from: 5, end: 90, gaps: vec![(10, 20)], bytes: Vec::new() });
    }
}
