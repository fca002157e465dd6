use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};

use proptest::prelude::*;
use tempfile::TempDir;
use umbel_guest::{GuestDraft, GuestId};
use uuid::Uuid;

use super::chunk::CHUNK;
use super::shelf::Where;
use super::store::Manifest;
use super::*;
use crate::hex::hex;

fn spec() -> GuestSpec {
    let (name, image, kernel) = ("web".into(), "tiny-5".into(), "debian-6.1".into());
    let draft = GuestDraft { name, image, kernel, memory_mib: 64, disk_mib: 64, ..GuestDraft::default() };
    GuestSpec::check(&draft).expect("a good draft")
}

fn new() -> BackupId {
    BackupId(Uuid::now_v7())
}

/// A directory of backups, a key apart from it, and room for disks.
struct Bench {
    root: TempDir,
    place: Place,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("tmp");
        let place = Place {
            at: Where::Directory(root.path().join("vault")),
            key: root.path().join("backup.key"),
            owner: "one".into(),
        };
        Self { root, place }
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("vault")
    }

    fn store(&self) -> Store {
        Store::open(&self.place, true, &Watch::default()).expect("ours")
    }

    /// A disk that holds these bytes at these places.
    fn disk(&self, length: u64, parts: &[(u64, &[u8])]) -> PathBuf {
        let path = self.root.path().join(Uuid::now_v7().to_string());
        let file = File::create(&path).expect("made");
        file.set_len(length).expect("sparse");
        parts.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).expect("written"));
        path
    }

    fn keep(&self, disk: &Path) -> (BackupId, Written) {
        let (store, id) = (self.store(), new());
        let about = (GuestId(Uuid::nil()), spec(), 7);
        let (manifest, written) = disk::write(&store, disk, about, &Watch::default()).expect("written");
        store.manifest_put(id, &manifest).expect("written");
        (id, written)
    }

    fn read(&self, id: BackupId) -> Result<PathBuf, VaultError> {
        let path = self.root.path().join(format!("back-{}", Uuid::now_v7()));
        let store = self.store();
        let read = disk::read(&store, &store.manifest(id)?, &path, &Watch::default());
        assert_eq!(path.exists(), read.is_ok(), "all of it or nothing");
        assert!(!path.with_extension("half").exists());
        read.map(|()| path)
    }

    fn prune(&self) -> u64 {
        self.store().prune(&|| false).expect("pruned")
    }

    /// Every file in the directory, with its length.
    fn files(&self) -> BTreeMap<PathBuf, u64> {
        fn walk(at: &Path, files: &mut BTreeMap<PathBuf, u64>) {
            for entry in fs::read_dir(at).expect("there") {
                let path = entry.expect("read").path();
                if path.is_dir() {
                    walk(&path, files);
                } else {
                    files.insert(path.clone(), fs::metadata(&path).expect("there").len());
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.directory(), &mut files);
        files
    }

    fn chunks(&self) -> Vec<PathBuf> {
        self.files().into_keys().filter(|path| path.starts_with(self.directory().join("chunks"))).collect()
    }
}

/// What can't be packed and is nowhere twice.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    use rand::{RngCore as _, SeedableRng as _};
    let mut bytes = vec![0; length];
    rand::rngs::StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

#[test]
fn the_same_is_kept_once_and_what_is_zero_not_at_all() {
    let bench = Bench::new();
    let (one, two) = (noise(1, CHUNK), noise(2, CHUNK));
    let mib = CHUNK as u64;
    let first = bench.disk(64 * mib, &[(0, &one), (3 * mib, &one), (40 * mib, &two)]);
    let (id, written) = bench.keep(&first);
    assert_eq!((written.held_bytes, bench.chunks().len()), (3 * mib, 2));
    let second = bench.disk(64 * mib, &[(0, &two), (3 * mib, b"little"), (40 * mib, &two)]);
    let (other, more) = bench.keep(&second);
    assert!(more.stored_bytes < 300, "only what is new: {more:?}");
    for (id, disk) in [(id, &first), (other, &second)] {
        let back = bench.read(id).expect("whole");
        assert!(fs::read(&back).expect("there") == fs::read(disk).expect("there"));
        assert!(fs::metadata(&back).expect("there").blocks() * 512 <= 4 * mib, "as sparse as it was");
    }
    // Nothing of what it holds lies there in the clear.
    let packed = bench.disk(mib, &[(0, &b"a secret of somebody's ".repeat(1000))]);
    bench.keep(&packed);
    for path in bench.files().into_keys() {
        let bytes = fs::read(&path).expect("there");
        assert!(!bytes.windows(8).any(|part| part == b"a secret"), "{}", path.display());
    }
}

#[test]
fn what_one_backup_needs_stays_when_another_goes() {
    let bench = Bench::new();
    let mib = CHUNK as u64;
    let (one, two, three) = (noise(1, CHUNK), noise(2, CHUNK), noise(3, CHUNK));
    let (first, _) = bench.keep(&bench.disk(4 * mib, &[(0, &one), (mib, &two)]));
    let (second, _) = bench.keep(&bench.disk(4 * mib, &[(0, &two), (mib, &three)]));
    assert_eq!(bench.prune(), 0, "all of it is needed");
    bench.store().forget(first).expect("gone");
    bench.store().forget(first).expect("gone already");
    assert_eq!(bench.chunks().len(), 3);
    assert!(bench.prune() > mib);
    assert_eq!(bench.chunks().len(), 2);
    bench.read(second).expect("whole");
    assert!(matches!(bench.read(first), Err(VaultError::Missing { .. })));
    // What can't be read may name anything: nothing goes.
    fs::write(bench.directory().join("backups").join(second.to_string()), b"UMBMANI1 and nothing").expect("spoilt");
    assert!(matches!(bench.store().prune(&|| false), Err(VaultError::Damaged { .. })));
    assert_eq!(bench.chunks().len(), 2);
}

#[test]
fn whatever_is_damaged_is_found_and_healed_by_the_next_that_has_the_same() {
    let bench = Bench::new();
    let mib = CHUNK as u64;
    let disk = bench.disk(4 * mib, &[(0, &noise(1, 3000)), (2 * mib, &noise(2, CHUNK))]);
    let (id, _) = bench.keep(&disk);
    let needed = bench.chunks().into_iter().chain([bench.directory().join("backups").join(id.to_string())]);
    for path in needed {
        let whole = fs::read(&path).expect("there");
        for at in [0, 7, 8, 20, whole.len() / 2, whole.len() - 1] {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1;
            fs::write(&path, &spoilt).expect("spoilt");
            let read = bench.read(id);
            assert!(matches!(read, Err(VaultError::Damaged { .. })), "{} at {at}: {read:?}", path.display());
        }
        fs::write(&path, &whole[..whole.len() / 2]).expect("cut");
        assert!(matches!(bench.read(id), Err(VaultError::Damaged { .. })));
        fs::remove_file(&path).expect("gone");
        let gone = bench.read(id).expect_err("gone");
        assert!(matches!(gone, VaultError::Missing { .. }), "{gone}");
        fs::write(&path, &whole).expect("put back");
        bench.read(id).expect("whole");
    }
    // One chunk in the place of another is none.
    let chunks = bench.chunks();
    let (one, two) = (fs::read(&chunks[0]).expect("there"), fs::read(&chunks[1]).expect("there"));
    fs::write(&chunks[0], &two).expect("written");
    assert!(matches!(bench.read(id), Err(VaultError::Damaged { .. })));
    fs::write(&chunks[1], &one).expect("written");
    let (again, _) = bench.keep(&disk);
    bench.read(id).expect("healed");
    bench.read(again).expect("whole");
}

#[test]
fn one_backups_list_is_not_taken_for_anothers() {
    let bench = Bench::new();
    let (one, _) = bench.keep(&bench.disk(1 << 20, &[(0, b"one")]));
    let (two, _) = bench.keep(&bench.disk(1 << 20, &[(0, b"two")]));
    let of = |id: BackupId| bench.directory().join("backups").join(id.to_string());
    fs::copy(of(one), of(two)).expect("copied");
    assert!(matches!(bench.read(two), Err(VaultError::Damaged { .. })));
    let manifest: Manifest = bench.store().manifest(one).expect("ours");
    assert_eq!((manifest.spec, manifest.made_at, manifest.disk_bytes), (spec(), 7, 1 << 20));
}

#[test]
fn another_key_another_panel_and_what_is_not_mounted_are_told_apart() {
    let bench = Bench::new();
    let absent = Store::open(&bench.place, false, &Watch::default()).expect_err("nothing is there");
    assert!(matches!(absent, VaultError::Empty { .. }), "{absent}");
    assert!(!bench.directory().exists(), "and nothing was made");
    let (id, _) = bench.keep(&bench.disk(1 << 20, &[(0, b"mine")]));
    let mode = fs::metadata(&bench.place.key).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let key = fs::read_to_string(&bench.place.key).expect("there");
    fs::write(&bench.place.key, format!("{}\n", "ab".repeat(32))).expect("written");
    let other = Store::open(&bench.place, true, &Watch::default()).expect_err("not ours");
    assert!(matches!(other, VaultError::OtherKey { .. }), "{other}");
    for bad in ["", "ab", &"+1".repeat(32), &"zz".repeat(32)] {
        fs::write(&bench.place.key, bad).expect("written");
        assert!(matches!(Store::open(&bench.place, true, &Watch::default()), Err(VaultError::BadKey { .. })), "{bad}");
    }
    fs::remove_file(&bench.place.key).expect("gone");
    let none = Store::open(&bench.place, true, &Watch::default()).expect_err("gone");
    assert!(matches!(none, VaultError::NoKey { .. }), "{none}");
    assert!(!bench.place.key.exists(), "no other is made for backups that it can't read");
    fs::write(&bench.place.key, key).expect("put back");
    bench.read(id).expect("whole");

    let stranger = Place { owner: "two".into(), ..bench.place.clone() };
    assert!(matches!(Store::open(&stranger, true, &Watch::default()), Err(VaultError::Owned { .. })));
    fs::remove_file(bench.directory().join("owner")).expect("given up");
    Store::open(&stranger, true, &Watch::default()).expect("taken over");
    let head = r#"{"format":2,"key":"0"}"#;
    fs::write(bench.directory().join("umbel-vault.json"), head).expect("written");
    assert!(matches!(Store::open(&stranger, true, &Watch::default()), Err(VaultError::Format { format: 2, .. })));
}

#[test]
fn what_is_stopped_leaves_nothing_but_what_goes_with_the_next_prune() {
    let bench = Bench::new();
    let mib = CHUNK as u64;
    let (kept, _) = bench.keep(&bench.disk(4 * mib, &[(0, &noise(1, CHUNK))]));
    let before = bench.files();
    let disk = bench.disk(8 * mib, &[(0, &noise(2, CHUNK)), (mib, &noise(3, CHUNK))]);
    // As a panel that is killed: two chunks are there, and half of a third.
    let (store, watch) = (bench.store(), Watch::default());
    disk::write(&store, &disk, (GuestId(Uuid::nil()), spec(), 7), &watch).expect("its chunks");
    fs::write(bench.directory().join("coming/half"), b"half of it").expect("written");
    assert_eq!(bench.files().len(), before.len() + 3);
    watch.stop();
    let stopped = disk::write(&store, &disk, (GuestId(Uuid::nil()), spec(), 7), &watch);
    assert!(matches!(stopped, Err(VaultError::Stopped)));
    assert!(matches!(store.prune(&|| true), Err(VaultError::Stopped)));
    bench.prune();
    assert_eq!(bench.files(), before);
    bench.read(kept).expect("whole");
}

/// Unmounted, also where the test fails.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(&self.0).status();
        if !std::thread::panicking() {
            assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
        }
    }
}

#[test]
fn a_directory_that_is_full_says_so_and_keeps_what_is_in_it() {
    if !nix::unistd::Uid::effective().is_root() {
        return eprintln!("SKIPPED: only root mounts a file system");
    }
    let bench = Bench::new();
    fs::create_dir(bench.directory()).expect("made");
    let mut mount = std::process::Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(bench.directory());
    if !mount.status().expect("it is there").success() {
        return eprintln!("SKIPPED: this host mounts no tmpfs");
    }
    let mounted = Mounted(bench.directory());
    let mib = CHUNK as u64;
    let (kept, _) = bench.keep(&bench.disk(4 * mib, &[(0, &noise(1, CHUNK))]));
    let large = bench.disk(8 * mib, &[(0, &noise(2, 5 * CHUNK))]);
    let full = disk::write(&bench.store(), &large, (GuestId(Uuid::nil()), spec(), 7), &Watch::default());
    let read = bench.read(kept);
    bench.prune();
    let left = bench.chunks().len();
    drop(mounted);
    assert!(matches!(full, Err(VaultError::Full { .. })), "{full:?}");
    read.expect("whole");
    assert_eq!(left, 1);
}

#[tokio::test]
async fn two_work_at_once_and_a_prune_waits_for_them() {
    let bench = Bench::new();
    let vault = Vault::new(bench.place.clone());
    let disk = bench.disk(2 << 20, &[(0, b"one")]);
    let keep = |backup| Keep { backup, guest: GuestId(Uuid::nil()), spec: spec(), made_at: 7, begins: true };
    assert_eq!(vault.prune().await.expect("nothing was kept"), 0);
    let (one, two) = (vault.turn().await, vault.turn().await);
    let soon = Duration::from_millis(50);
    assert!(tokio::time::timeout(soon, vault.turn()).await.is_err(), "a third waits");
    assert!(tokio::time::timeout(soon, vault.prune()).await.is_err(), "and so does whoever removes");
    let id = new();
    let written = vault.write(one, keep(id), disk.clone(), Watch::default()).await.expect("written");
    assert!(written.held_bytes == 1 << 20 && written.stored_bytes > 0, "{written:?}");
    drop(two);
    let again = vault.write(vault.turn().await, keep(id), disk.clone(), Watch::default()).await.expect("repeated");
    assert!(again.stored_bytes < written.stored_bytes, "only its list once more");
    let back = bench.root.path().join("back");
    vault.read(vault.turn().await, id, back.clone(), Watch::default()).await.expect("whole");
    assert!(fs::read(&back).expect("there") == fs::read(&disk).expect("there"));
    vault.forget(id).await.expect("gone");
    assert!(vault.prune().await.expect("pruned") > 0);
    assert!(bench.chunks().is_empty());
}

/// The whole file, or how it was cut off.
async fn download(vault: &Vault, id: BackupId) -> Result<(u64, String, Vec<u8>), VaultError> {
    let mut download = vault.download(id).await?;
    let mut file = Vec::new();
    while let Some(part) = download.next().await {
        file.extend(part?);
    }
    Ok((download.disk_bytes, download.sha256, file))
}

#[tokio::test]
async fn a_backup_is_taken_along_whole_or_is_cut_off() {
    let bench = Bench::new();
    let vault = Vault::new(bench.place.clone());
    let mib = CHUNK as u64;
    let path = bench.disk(9 * mib + 700, &[(mib, &noise(1, CHUNK)), (5 * mib, b"little"), (9 * mib, &noise(2, 700))]);
    let (id, _) = bench.keep(&path);
    let (bytes, sha256, file) = download(&vault, id).await.expect("whole");
    let disk = fs::read(&path).expect("there");
    assert!(zstd::stream::decode_all(&file[..]).expect("frames") == disk);
    assert_eq!((bytes, sha256), (9 * mib + 700, hex(ring::digest::digest(&ring::digest::SHA256, &disk).as_ref())));
    let (holes, _) = bench.keep(&bench.disk(3 * mib + 1, &[]));
    let (_, _, file) = download(&vault, holes).await.expect("whole");
    assert!(file.len() < 1000 && zstd::stream::decode_all(&file[..]).expect("frames") == vec![0; 3 * CHUNK + 1]);

    // Nobody waits for those who take none of it, and they are few.
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(vault.download(id).await.expect("a place"));
    }
    assert!(matches!(vault.download(id).await, Err(VaultError::Busy)));
    vault.prune().await.expect("it waits for none of them");
    drop(idle);
    let again = async {
        while vault.download(id).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("they are gone");

    let last =
        bench.chunks().into_iter().find(|path| fs::metadata(path).expect("there").len() < 1000).expect("a short one");
    let whole = fs::read(&last).expect("there");
    let mut spoilt = whole.clone();
    spoilt[40] ^= 1;
    fs::write(&last, spoilt).expect("spoilt");
    let cut = loop {
        match download(&vault, id).await {
            Err(VaultError::Busy) => tokio::time::sleep(Duration::from_millis(10)).await,
            other => break other,
        }
    };
    assert!(matches!(cut, Err(VaultError::Damaged { .. })), "{:?}", cut.map(|_| ()));
    fs::write(&last, whole).expect("put back");
    vault.forget(id).await.expect("gone");
    assert!(matches!(download(&vault, id).await, Err(VaultError::Missing { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_back_is_what_was_kept(
        length in 1u64..(3 * CHUNK as u64),
        parts in proptest::collection::vec((0u64..(3 * CHUNK as u64), 1u8..4, 1usize..70_000), 0..6),
    ) {
        let bench = Bench::new();
        let parts: Vec<_> = parts.into_iter().map(|(at, byte, bytes)| (at, vec![byte; bytes])).collect();
        let parts: Vec<_> = parts.iter().map(|(at, bytes)| (*at, &bytes[..])).collect();
        let path = bench.disk(length, &parts);
        File::options().write(true).open(&path).and_then(|file| file.set_len(length)).expect("cut");
        let (id, _) = bench.keep(&path);
        prop_assert!(fs::read(bench.read(id).expect("whole")).expect("there") == fs::read(&path).expect("there"));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let keys = keys::Keys::new(&[7; 32]);
        let id = keys.name(b"x");
        let file = [&chunk::MAGIC[..], &bytes].concat();
        prop_assert!(chunk::unpack(&keys, id, &file).is_none() && chunk::unpack(&keys, id, &bytes).is_none());
    }
}
