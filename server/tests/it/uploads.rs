//! Files that come in pieces: what has come stays when its connection ends, and only what was said comes to its end.

use std::path::PathBuf;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use reqwest::Method;
use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use umbel_client::{Client, ImageDraft, OperationState};
use umbel_guest::UploadId;
use umbel_wire::Layout;

use crate::harness::db::{Fresh, both};
use crate::harness::edge::Edge;
use crate::real_host::TAKES;

const FILE: &[u8] = b"a file system, or as good as one";

struct House {
    edge: Edge,
    root: Client,
    upload: UploadId,
    place: TempDir,
    token: String,
}

impl House {
    async fn with_upload(fresh: &Fresh) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout)).await;
        let root = edge.signed_in("root").await;
        let upload = root.upload_begin().await.expect("a place");
        let token = root.token_create("sends", &["read", "write", "manage"], 1).await.expect("made").token;
        Self { edge, root, upload, place, token }
    }

    /// Status, and how many bytes it says are here.
    async fn asked(&self, method: Method, headers: &[(&str, String)], body: reqwest::Body) -> (u16, Option<u64>) {
        let path = format!("/api/v1/uploads/{}/disk", self.upload);
        let mut asked = self.edge.bare(method, &path).bearer_auth(&self.token).body(body);
        for (name, value) in headers {
            asked = asked.header(*name, value);
        }
        let Ok(answer) = asked.send().await else { return (0, None) };
        let said = |headers: &HeaderMap| headers.get("upload-offset")?.to_str().ok()?.parse().ok();
        (answer.status().as_u16(), said(answer.headers()))
    }

    async fn begun(&self, length: usize) -> (u16, Option<u64>) {
        self.asked(Method::POST, &[("upload-length", length.to_string())], "".into()).await
    }

    async fn put(&self, at: usize, piece: &'static [u8]) -> (u16, Option<u64>) {
        self.asked(Method::PATCH, &[("upload-offset", at.to_string())], piece.into()).await
    }

    async fn summed(&self, at: usize, piece: Vec<u8>, sum: &[u8]) -> (u16, Option<u64>) {
        let sum = format!("sha256 {}", STANDARD.encode(sum));
        self.asked(Method::PATCH, &[("upload-offset", at.to_string()), ("upload-checksum", sum)], piece.into()).await
    }

    async fn here(&self) -> Option<u64> {
        self.asked(Method::HEAD, &[], "".into()).await.1
    }

    fn file(&self) -> PathBuf {
        self.place.path().join(format!("panel/uploads/{}/files/disk", self.upload))
    }

    async fn made(&self, sha256: &str) -> OperationState {
        let (upload, sha256) = (self.upload.to_string(), sha256.to_owned());
        let draft = ImageDraft { upload, sha256, name: "mine".into(), version: "1".into(), ..ImageDraft::default() };
        let operation = self.root.image_import(&draft).await.expect("well said").expect("an operation");
        self.root.operation_over(operation, TAKES).await.expect("over").state
    }
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

both! {
    async fn what_has_come_of_a_file_stays_and_is_gone_on_with(fresh) {
        let house = House::with_upload(&fresh).await;
        assert_eq!(house.put(0, FILE).await, (404, None), "nobody said that it would come");
        assert_eq!(house.begun(FILE.len()).await, (201, Some(0)));
        let later = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            Err(std::io::Error::other("cut"))
        };
        let cut = stream::iter([Ok(Bytes::from_static(&FILE[..7]))]).chain(stream::once(later));
        let at = [("upload-offset", "0".to_owned())];
        house.asked(Method::PATCH, &at, reqwest::Body::wrap_stream(cut)).await;
        // It may still be at it when its other end is gone.
        let until = tokio::time::Instant::now() + TAKES;
        while house.here().await != Some(7) {
            assert!(tokio::time::Instant::now() < until, "{:?}", house.here().await);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(!house.file().exists(), "half of it is no file");
        assert_eq!(house.begun(FILE.len()).await, (201, Some(7)), "said again, it is gone on with");
        for wrong in [0, 6, 8] {
            assert_eq!(house.put(wrong, &FILE[7..]).await, (409, None), "{wrong}");
        }
        assert_eq!(house.put(7, &FILE[7..20]).await, (204, Some(20)));
        assert_eq!(house.put(20, &FILE[20..]).await, (204, Some(FILE.len() as u64)));
        assert_eq!(house.here().await, Some(FILE.len() as u64));
        assert_eq!(std::fs::read(house.file()).expect("whole"), FILE);
        assert_eq!(house.put(FILE.len(), b"").await, (409, None), "it is at its end");
        assert_eq!(house.made(&sum(FILE)).await, OperationState::Done);
    }

    async fn a_piece_with_a_wrong_sum_and_one_that_is_too_much_are_not_taken(fresh) {
        let house = House::with_upload(&fresh).await;
        assert_eq!(house.begun(FILE.len()).await, (201, Some(0)));
        let right = Sha256::digest(&FILE[..9]);
        assert_eq!(house.summed(0, FILE[..8].to_vec(), &right).await, (409, None));
        assert_eq!(house.here().await, Some(0));
        assert_eq!(house.summed(0, FILE[..9].to_vec(), &right).await, (204, Some(9)));
        assert_eq!(house.summed(9, FILE.to_vec(), &Sha256::digest(FILE)).await, (422, None), "more than it said");
        assert_eq!(house.summed(9, b"x".to_vec(), b"short").await, (422, None));
        assert_eq!(house.here().await, Some(9));
        assert_eq!(house.begun(FILE.len() + 1).await, (201, Some(0)), "another length is another file");
        assert_eq!(house.begun(17 << 30).await, (422, None));
        assert_eq!(house.begun(0).await, (422, None));
        assert_eq!(house.begun(16 << 20).await, (201, Some(0)));
        let large = vec![7; (8 << 20) + 1];
        let sum = Sha256::digest(&large);
        assert_eq!(house.summed(0, large, &sum).await, (422, None), "a cut would lose all of it");
        assert_eq!(house.here().await, Some(0));
        house.edge.test.host.set_disk_free_mib(2_000);
        assert_eq!(house.put(0, FILE).await, (409, None), "less than a tenth is free");
        assert_eq!(house.here().await, Some(0));
    }

    async fn what_came_of_a_piece_with_a_sum_is_not_here_until_that_is_right(fresh) {
        let house = House::with_upload(&fresh).await;
        assert_eq!(house.begun(FILE.len()).await, (201, Some(0)));
        let some = stream::iter([Ok::<_, std::io::Error>(FILE[..9].to_vec())]).chain(stream::pending());
        let sum = format!("sha256 {}", STANDARD.encode(Sha256::digest(FILE)));
        let at = [("upload-offset", "0".to_owned()), ("upload-checksum", sum)];
        let part = house.file().with_file_name(".disk");
        let written = async {
            while std::fs::metadata(&part).expect("begun").len() < 9 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            answer = house.asked(Method::PATCH, &at, reqwest::Body::wrap_stream(some)) => panic!("{answer:?}"),
            written = tokio::time::timeout(TAKES, written) => written.expect("it is written as it comes"),
        }
        assert_eq!(house.here().await, Some(0));
        let until = tokio::time::Instant::now() + TAKES;
        while house.summed(0, FILE.to_vec(), &Sha256::digest(FILE)).await.0 != 204 {
            assert!(tokio::time::Instant::now() < until, "who is gone is in the way");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(std::fs::read(house.file()).expect("whole"), FILE);
    }

    async fn one_piece_comes_at_a_time(fresh) {
        let house = House::with_upload(&fresh).await;
        assert_eq!(house.begun(FILE.len()).await, (201, Some(0)));
        let endless = || reqwest::Body::wrap_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let at = [("upload-offset", "0".to_owned())];
        let mut first = Box::pin(house.asked(Method::PATCH, &at, endless()));
        let mut second = Box::pin(async {
            let until = tokio::time::Instant::now() + TAKES;
            while house.put(0, b"").await.0 != 409 {
                assert!(tokio::time::Instant::now() < until, "both write");
            }
        });
        loop {
            tokio::select! {
                // The other one was at it just then.
                answer = &mut first => {
                    assert_eq!(answer, (409, None));
                    first = Box::pin(house.asked(Method::PATCH, &at, endless()));
                }
                () = &mut second => break,
            }
        }
        drop(first);
        let until = tokio::time::Instant::now() + TAKES;
        while house.put(0, FILE).await.0 != 204 {
            assert!(tokio::time::Instant::now() < until, "who is gone is in the way");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn a_file_of_another_sum_becomes_no_image(fresh) {
        let house = House::with_upload(&fresh).await;
        let path = house.place.path().join("mine");
        std::fs::write(&path, FILE).expect("written");
        assert_eq!(house.root.upload_send(house.upload, "disk", &path).await.expect("sent"), sum(FILE));
        let OperationState::Failed { reason } = house.made(&"0".repeat(64)).await else { panic!("it was taken") };
        assert!(reason.contains("its SHA-256 is"), "{reason}");
    }
}
