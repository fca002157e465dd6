//! Backups in a bucket: the same things under the same names as in a directory, by way of a server that may say no, know
//! another key, or go away in the middle.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use umbel_guest::{BackupId, GuestDraft, GuestId, GuestSpec};
use umbel_server::vault::bucket::BucketPlace;
use umbel_server::vault::disk::Written;
use umbel_server::vault::shelf::Where;
use umbel_server::vault::store::Place;
use umbel_server::vault::{Keep, Vault, VaultError, Watch};
use uuid::Uuid;

use crate::harness::s3::{KEY, Server, files};

const MIB: usize = 1 << 20;
/// A day on which few of the chunks have their turn to be read.
const DAY: i64 = 86_400_000_000;

struct Bench {
    root: TempDir,
    server: Server,
}

impl Bench {
    async fn new() -> Self {
        Self { root: tempfile::tempdir().expect("tmp"), server: Server::start().await }
    }

    fn place(&self) -> Place {
        let at = Where::Bucket(Arc::new(self.server.place(self.root.path().join("credentials"))));
        Place { at, key: self.root.path().join("backup.key"), owner: "one".into() }
    }

    fn vault(&self) -> Vault {
        Vault::new(self.place())
    }

    /// Of so many chunks of noise, with a hole before each and the first once more at the end.
    fn disk(&self, seed: u64, chunks: u64) -> PathBuf {
        let path = self.root.path().join(format!("disk-{seed}"));
        let file = File::create(&path).expect("made");
        file.set_len((2 * chunks + 2) * MIB as u64 + 512).expect("sparse");
        for at in 0..chunks {
            file.write_all_at(&noise(seed + at), (2 * at + 1) * MIB as u64).expect("written");
        }
        file.write_all_at(&noise(seed), (2 * chunks + 1) * MIB as u64).expect("written");
        path
    }

    async fn keep(&self, vault: &Vault, disk: &Path, day: i64) -> Result<(BackupId, Written), VaultError> {
        let backup = BackupId(Uuid::now_v7());
        let draft = GuestDraft {
            name: "web".into(),
            image: "tiny-5".into(),
            kernel: "debian-6.1".into(),
            memory_mib: 64,
            disk_mib: 64,
            ..GuestDraft::default()
        };
        let spec = GuestSpec::check(&draft).expect("a good draft");
        let keep = Keep { backup, guest: GuestId(Uuid::nil()), spec, made_at: day * DAY, begins: true };
        let written = vault.write(vault.turn().await, keep, disk.to_owned(), Watch::default()).await?;
        Ok((backup, written))
    }

    async fn same(&self, vault: &Vault, backup: BackupId, disk: &Path) -> Result<bool, VaultError> {
        let back = self.root.path().join(format!("back-{}", Uuid::now_v7()));
        let read = vault.read(vault.turn().await, backup, back.clone(), Watch::default()).await;
        assert_eq!(back.exists(), read.is_ok(), "all of it or nothing");
        assert!(!back.with_extension("half").exists());
        read.map(|()| fs::read(&back).expect("there") == fs::read(disk).expect("there"))
    }

    fn chunks(&self) -> Vec<PathBuf> {
        files(&self.server.beneath("chunks"))
    }
}

/// What can't be packed and is nowhere twice.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..MIB / 8).flat_map(|_| word()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_what_a_directory_keeps() {
    let bench = Bench::new().await;
    let vault = bench.vault();
    let disk = bench.disk(100, 12);
    let (first, written) = bench.keep(&vault, &disk, 1).await.expect("there is room");
    assert_eq!((written.held_bytes, bench.chunks().len()), (13 * MIB as u64, 12), "what is the same once");
    assert!(written.stored_bytes < 13 * MIB as u64, "{written:?}");
    let asked = bench.server.asked();
    let (second, again) = bench.keep(&vault, &disk, 1).await.expect("there is room");
    assert!(again.stored_bytes < 2000, "only its list: {again:?}");
    assert!(bench.server.asked() - asked < 12 + 8, "each chunk is asked for once");
    assert!(bench.same(&vault, first, &disk).await.expect("whole"));
    assert!(bench.same(&vault, second, &disk).await.expect("whole"));

    // What is damaged is found, and is healed on the day on which it is read.
    let spoilt = bench.chunks().remove(3);
    let whole = fs::read(&spoilt).expect("there");
    fs::write(&spoilt, &whole[..whole.len() - 1]).expect("cut");
    assert!(matches!(bench.same(&vault, second, &disk).await, Err(VaultError::Damaged { .. })));
    for day in 0..16 {
        bench.keep(&vault, &disk, day).await.expect("there is room");
    }
    assert!(bench.same(&vault, second, &disk).await.expect("healed"));

    let other = bench.disk(200, 3);
    let (third, _) = bench.keep(&vault, &other, 1).await.expect("there is room");
    assert_eq!(vault.prune().await.expect("nobody writes"), 0, "all of it is needed");
    vault.forget(third).await.expect("gone");
    vault.forget(third).await.expect("gone already");
    assert!(vault.prune().await.expect("nobody writes") > 3 * MIB as u64);
    assert_eq!(bench.chunks().len(), 12);
    assert!(matches!(bench.same(&vault, third, &other).await, Err(VaultError::Missing { .. })));
    // What can't be read may name anything: nothing goes.
    fs::write(bench.server.beneath("backups").join(first.to_string()), b"UMBMANI1 and nothing").expect("spoilt");
    vault.forget(second).await.expect("gone");
    assert!(matches!(vault.prune().await, Err(VaultError::Damaged { .. })));
    assert_eq!(bench.chunks().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_bucket_does_not_know_and_what_is_not_in_it_are_told_apart() {
    let bench = Bench::new().await;
    let (disk, place) = (bench.disk(1, 1), bench.place());
    let Where::Bucket(bucket) = place.at.clone() else { panic!("a bucket") };
    let bucket = BucketPlace::clone(&bucket);
    let with = |at| Vault::new(Place { at: Where::Bucket(Arc::new(at)), ..place.clone() });
    let refused = async |vault: &Vault| {
        let error = bench.keep(vault, &disk, 1).await.expect_err("it is not let in");
        let said = format!("{error} {error:?} {} {vault:?}", error.told());
        assert!(!said.contains(KEY) && !said.contains("another-key"), "{said}");
        assert!(!error.told().contains("127.0.0.1"), "{}", error.told());
        error
    };
    let good = fs::read(&bucket.credentials).expect("there");
    for bad in ["AKIDFORTESTS\nanother-key", "AKIDOFNOBODY\nanother-key"] {
        fs::write(&bucket.credentials, bad).expect("written");
        let error = refused(&with(bucket.clone())).await;
        assert!(matches!(error, VaultError::Denied { .. }), "{error:?}");
    }
    fs::write(&bucket.credentials, "one line").expect("written");
    assert!(matches!(refused(&with(bucket.clone())).await, VaultError::Credentials { .. }));
    fs::remove_file(&bucket.credentials).expect("gone");
    assert!(matches!(refused(&with(bucket.clone())).await, VaultError::Credentials { .. }));
    fs::write(&bucket.credentials, good).expect("written");
    let absent = refused(&with(BucketPlace { bucket: "nowhere".into(), ..bucket.clone() })).await;
    assert!(matches!(absent, VaultError::NoBucket { .. }), "{absent:?}");
    let read = bench.same(&with(bucket.clone()), BackupId(Uuid::nil()), &disk).await.expect_err("empty");
    assert!(matches!(read, VaultError::Empty { .. }), "{read:?}");
    assert!(read.told().contains("name their bucket"), "{}", read.told());
    assert_eq!(bench.server.files(), Vec::<PathBuf>::new(), "nothing was begun");
    assert!(!place.key.exists(), "nor was a key made");

    let (backup, _) = bench.keep(&with(bucket.clone()), &disk, 1).await.expect("let in");
    let before = bench.server.files();
    let key = fs::read(&place.key).expect("made");
    fs::write(&place.key, "ab".repeat(32)).expect("written");
    assert!(matches!(refused(&with(bucket.clone())).await, VaultError::OtherKey { .. }));
    fs::remove_file(&place.key).expect("gone");
    assert!(matches!(refused(&with(bucket.clone())).await, VaultError::NoKey { .. }));
    fs::write(&place.key, key).expect("put back");
    let stranger = Vault::new(Place { owner: "two".into(), ..place.clone() });
    assert!(matches!(refused(&stranger).await, VaultError::Owned { .. }));
    assert_eq!(bench.server.files(), before);
    assert!(bench.same(&with(bucket), backup, &disk).await.expect("whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_in_the_middle_leaves_no_half_backup() {
    let bench = Bench::new().await;
    let vault = bench.vault();
    let (small, disk) = (bench.disk(1, 2), bench.disk(100, 24));
    let (kept, _) = bench.keep(&vault, &small, 1).await.expect("there is room");
    let before = bench.server.files();

    // Some of what is asked for is cut off, and is asked for again.
    bench.server.cuts_one_of(5);
    let (tried, _) = bench.keep(&vault, &disk, 1).await.expect("it is tried again");
    assert!(bench.same(&vault, tried, &disk).await.expect("whole"));
    bench.server.cuts_one_of(0);
    vault.forget(tried).await.expect("gone");
    vault.prune().await.expect("nobody writes");
    assert_eq!(bench.server.files(), before);

    bench.server.goes_away_after(20);
    let gone = bench.keep(&vault, &disk, 1).await.expect_err("it is away");
    assert!(matches!(gone, VaultError::Remote { .. }), "{gone:?}");
    assert_eq!(gone.told(), "writing a backup: its server can't be reached, or does not answer as it should");
    // Whoever gives up does not wait until all tries are over.
    let (watch, begun) = (Watch::default(), Instant::now());
    let stops = watch.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stops.stop();
    });
    let stopped = vault.read(vault.turn().await, kept, bench.root.path().join("never"), watch).await;
    assert!(matches!(stopped, Err(VaultError::Stopped)), "{stopped:?}");
    assert!(begun.elapsed() < Duration::from_millis(600), "{:?}", begun.elapsed());
    bench.server.comes_back();
    assert!(bench.chunks().len() > 2, "some of it has come");
    vault.prune().await.expect("nobody writes");
    assert_eq!(bench.server.files(), before, "and goes");

    let (whole, _) = bench.keep(&vault, &disk, 1).await.expect("it is back");
    bench.server.goes_away_after(12);
    let half = bench.same(&vault, whole, &disk).await.expect_err("it is away");
    assert!(matches!(half, VaultError::Remote { .. }), "{half:?}");
    assert!(matches!(vault.forget(whole).await, Err(VaultError::Remote { .. })));
    bench.server.comes_back();
    assert!(bench.same(&vault, whole, &disk).await.expect("whole"));
    assert!(bench.same(&vault, kept, &small).await.expect("whole"));
}
