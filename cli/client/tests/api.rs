//! What travels: canned answers over real TCP, and the requests that were made for them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use umbel_client::{Client, Error, OperationState};
use umbel_guest::{Action, GuestDraft, GuestId, OperationId};

const ACCOUNT: &str = r#"{"id":"0190a000-0000-7000-8000-000000000009","name":"ada","role":"user","state":"active",
    "expires_at":null,"created_at":1,"last_sign_in_at":null,"second_factor":false,"linked":false,"guests":0}"#;

fn guest() -> GuestId {
    "0190a000-0000-7000-8000-000000000001".parse().expect("an id")
}

fn operation() -> OperationId {
    "0190a000-0000-7000-8000-000000000002".parse().expect("an id")
}

fn json(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}", body.len())
}

/// Gives these answers, a connection each, and then the requests as they came, in lower case.
async fn answering(answers: Vec<String>) -> (Client, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = vec![0; 8192];
            let length = stream.read(&mut request).await.expect("a request");
            requests.push(String::from_utf8_lossy(&request[..length]).to_lowercase());
            stream.write_all(answer.as_bytes()).await.expect("a client that listens");
        }
        requests
    });
    (Client::new(&address).expect("an address"), served)
}

#[tokio::test]
async fn a_sign_in_goes_along_with_what_comes_after_it() {
    let cookie = "set-cookie: umbel_session=abc; Path=/; HttpOnly; SameSite=Lax\r\n";
    let (client, served) = answering(vec![
        json("201 Created", cookie, ACCOUNT),
        json("200 OK", "", r#"{"rows":[],"next":null}"#),
        json("204 No Content", "", ""),
    ])
    .await;
    assert_eq!(client.sign_in("ada", "secret").await.expect("taken").name, "ada");
    assert_eq!(client.guest_list().await.expect("none"), []);
    client.sign_out().await.expect("gone");
    let requests = served.await.expect("served");
    assert!(
        requests[0].starts_with("post /api/v1/session ") && !requests[0].contains("\r\ncookie:"),
        "{}",
        requests[0]
    );
    for request in &requests[1..] {
        assert!(request.contains("\r\ncookie: umbel_session=abc\r\n"), "{request}");
    }
    for request in &requests {
        assert!(request.contains("\r\norigin: http://127.0.0.1:"), "{request}");
    }
}

#[tokio::test]
async fn a_refusal_names_fields_and_when_to_come_again() {
    let wrong = r#"{"title":"x","status":422,"detail":"name: Taken.","errors":[{"field":"name","message":"Taken."}]}"#;
    let many = r#"{"title":"x","status":429,"detail":"Too many tries. Try again in 30 s."}"#;
    let (client, served) = answering(vec![
        json("422 Unprocessable Entity", "content-type: application/problem+json\r\n", wrong),
        json("429 Too Many Requests", "retry-after: 30\r\n", many),
    ])
    .await;
    let error = client.guest_create(&GuestDraft::default()).await.expect_err("refused");
    assert_eq!(error.fields()[0].field, "name");
    assert_eq!(error.to_string(), "POST /api/v1/guests: name: Taken. (422 Unprocessable Entity)");
    let Err(Error::Refused { problem, .. }) = client.sign_in("ada", "x").await else { panic!("not refused") };
    assert_eq!(problem.retry_after_s, Some(30));
    served.await.expect("served");
}

#[tokio::test]
async fn an_operation_is_waited_for_over_a_pause_of_the_panel() {
    let at = |state: &str| {
        format!(
            r#"{{"id":"{}","kind":"guest_start","guest":"{}","guest_name":"web-1","requester":"ada","state":{state},
            "steps":[],"log":[],"created_at":1,"ended_at":null,"can_cancel":false}}"#,
            operation(),
            guest()
        )
    };
    let (client, served) = answering(vec![
        json("200 OK", "", &at(r#"{"state":"running"}"#)),
        json("503 Service Unavailable", "", r#"{"title":"x","status":503,"detail":"The database can't be reached."}"#),
        json("200 OK", "", &at(r#"{"state":"failed","reason":"no room"}"#)),
    ])
    .await;
    let over = client.operation_over(operation(), Duration::from_secs(5)).await.expect("over");
    assert_eq!(over.state, OperationState::Failed { reason: "no room".into() });
    served.await.expect("served");
}

#[tokio::test]
async fn actions_are_addresses() {
    let none = || json("202 Accepted", "", r#"{"operation":null}"#);
    let (client, served) = answering(vec![none(), none(), none()]).await;
    for action in [Action::ShutDown, Action::Delete, Action::Undelete] {
        assert_eq!(client.guest_act(guest(), action).await.expect("taken"), None);
    }
    let requests = served.await.expect("served");
    let begins = [format!("post /api/v1/guests/{}/shut-down ", guest()), format!("delete /api/v1/guests/{} ", guest())];
    assert!(requests[0].starts_with(&begins[0]) && requests[1].starts_with(&begins[1]), "{requests:?}");
    assert!(requests[2].contains("/undelete "), "{}", requests[2]);
}

#[tokio::test]
async fn a_panel_that_is_not_there_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let client = Client::new(&format!("http://{}", listener.local_addr().expect("an address"))).expect("an address");
    drop(listener);
    let error = client.health().await.expect_err("nobody is there");
    assert!(error.is_passing() && error.status().is_none(), "{error}");
    let error = client.until_ready(Duration::from_millis(100)).await.expect_err("nobody comes");
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}
