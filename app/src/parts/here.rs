//! What this host is called by whoever looks at the page.

/// The name or address in the page's own address, without a port.
pub fn host_name() -> String {
    #[cfg(feature = "ssr")]
    {
        use leptos::prelude::use_context;

        let parts = use_context::<http::request::Parts>();
        let host = parts.and_then(|parts| {
            let named = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok().map(str::to_owned));
            named.or_else(|| parts.uri.host().map(str::to_owned))
        });
        without_port(&host.unwrap_or_else(|| "this-host".to_owned())).to_owned()
    }
    #[cfg(not(feature = "ssr"))]
    {
        let named = leptos::prelude::window().location().hostname();
        named.unwrap_or_else(|_| "this-host".to_owned())
    }
}

/// `[::1]:8080` is `[::1]`, as in a browser's `location.hostname`.
#[cfg(any(feature = "ssr", test))]
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn a_port_is_not_part_of_a_name() {
        for (host, name) in
            [("lab.example:8443", "lab.example"), ("lab", "lab"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")]
        {
            assert_eq!(without_port(host), name);
        }
    }
}
