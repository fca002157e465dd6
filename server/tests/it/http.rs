//! The edge itself: whom it hears, what it says about its answers, what it can't be made to do.

use reqwest::{Method, StatusCode};
use umbel_app::paths;
use umbel_server::http::router::routes;

use crate::harness::db::both;
use crate::harness::edge::Edge;

both! {
    async fn nothing_unsafe_is_done_for_another_site(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for route in routes().into_iter().filter(|route| ![Method::GET, Method::HEAD].contains(&route.method)) {
            let path = route.path.replace(['{', '}'], "x");
            for origin in [None, Some("null"), Some("https://evil.example"), Some("http://localhost:1"), Some("http://localhost.evil.example")] {
                let request = edge.bare(route.method.clone(), &path);
                let request = match origin {
                    Some(origin) => request.header("origin", origin).header("sec-fetch-site", "same-origin"),
                    None => request.header("sec-fetch-site", "same-site"),
                };
                let answer = request.send().await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{} {path} from {origin:?}", route.method);
            }
        }
        // A browser that says no Origin with a form of the same page.
        let form = edge.bare(Method::POST, paths::SIGN_IN).header("sec-fetch-site", "same-origin");
        assert_eq!(form.form(&[("name", "x")]).send().await.expect("an answer").status(), 422);
    }

    async fn a_rebound_name_finds_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let answer = async |path: &str| {
            let request = edge.bare(Method::GET, path).header("host", "evil.example");
            request.send().await.expect("an answer").status()
        };
        for path in ["/sign-in", "/api/v1/session", "/style.css", "/nothing", "/events"] {
            assert_eq!(answer(path).await, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(answer("/healthz").await, StatusCode::OK, "a supervisor knows no names");
    }

    async fn every_answer_tells_browsers_how_far_to_trust_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        for path in ["/sign-in", "/guests", "/api/v1/guests", "/nothing", "/api/nothing"] {
            let answer = anna.request(Method::GET, path).send().await.expect("an answer");
            let headers = answer.headers();
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["cache-control"], "no-store", "{path}");
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(headers["referrer-policy"], "same-origin");
            assert!(headers.contains_key("permissions-policy") && headers.contains_key("x-request-id"));
            assert!(!headers.contains_key("strict-transport-security"), "not over plain http");
            let policy = headers["content-security-policy"].to_str().expect("ASCII").to_owned();
            for part in ["frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{part} in {policy}");
            }
            assert!(!policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
        }
        let page = anna.request(Method::GET, "/guests").send().await.expect("an answer");
        let policy = page.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce").to_owned();
        let html = page.text().await.expect("a page");
        let scripts = html.matches("<script").count();
        let allowed = html.matches(&format!("nonce=\"{nonce}\"")).count();
        assert!(scripts >= 2 && allowed >= scripts, "{allowed} nonces for {scripts} scripts: {html}");
        let other = anna.request(Method::GET, "/guests").send().await.expect("an answer");
        assert_ne!(other.headers()["content-security-policy"], policy, "each answer has its own");
    }

    async fn what_is_not_there_is_said_in_the_askers_way(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let get = async |path: &str| anna.request(Method::GET, path).send().await.expect("an answer");
        for path in ["/api/v1/nothing", "/api/v2/guests", "/api/nothing", "/api/v1/guests/none", "/api/v1/guests/none/console"] {
            let answer = get(path).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        }
        for path in ["/nothing", "/guests/none", "/operations/none", "/pkg/none.js"] {
            let answer = get(path).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            assert!(answer.text().await.expect("a page").contains("/style.css"), "{path} is styled");
        }
        let stranger = edge.client().request(Method::GET, "/nothing").send().await.expect("an answer");
        assert_eq!(stranger.status(), StatusCode::NOT_FOUND);
        let answer = anna.request(Method::PUT, "/api/v1/guests").send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers()["allow"].to_str().expect("ASCII").contains("POST"));
        let unknown = anna.request(Method::POST, "/_sf/nothing").send().await.expect("an answer");
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    }

    async fn a_body_over_the_limit_is_refused_everywhere(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        for path in ["/api/v1/guests", "/sign-in", "/_sf/guest_create", "/nothing"] {
            let body = "x".repeat(70_000);
            let answer = anna.request(Method::POST, path).body(body.clone()).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
            // The same without saying how long it will be.
            let stream = futures::stream::iter([Ok::<_, std::io::Error>(body)]);
            let chunked = anna.request(Method::POST, path).body(reqwest::Body::wrap_stream(stream));
            let answer = chunked.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        }
    }

    async fn a_panel_that_drains_or_lost_its_database_is_not_ready(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let ready = async || edge.bare(Method::GET, "/readyz").send().await.expect("an answer").status();
        assert_eq!(ready().await, StatusCode::OK);
        fresh.db.close().await;
        assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
        let alive = edge.bare(Method::GET, "/healthz").send().await.expect("an answer");
        assert_eq!(alive.status(), StatusCode::OK);
        let page = edge.client().request(Method::GET, "/first-run?token=x").send().await.expect("an answer");
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.headers()["retry-after"], "2");
    }

    async fn over_https_the_name_and_nothing_else_is_served(fresh) {
        let edge = Edge::start_public(&fresh.db).await;
        let get = async |host: &str| {
            edge.bare(Method::GET, "/sign-in").header("host", host).send().await.expect("an answer")
        };
        assert_eq!(get("127.0.0.1").await.status(), StatusCode::FORBIDDEN);
        let page = get("panel.example").await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
        let policy = page.headers()["content-security-policy"].to_str().expect("ASCII");
        assert!(policy.contains("connect-src 'self' wss://panel.example;"), "{policy}");
    }
}
