//! What a real guest has written on its console is taken out of a backup and of a snapshot of it, file by file, through panel
//! and agent as programs, once the guest is gone too; and nothing of it stays.

use std::fs;
use std::time::Duration;

use umbel_client::{Client, File, FileTaken, Opened};
use umbel_guest::files::FileKind;
use umbel_guest::{Action, BackupId, GuestDraft};

use crate::harness::s3::files;
use crate::real_backups::{Target, elsewhere, first_life, killed_and_back, over, type_in};
use crate::real_host::{Machine, TAKES};

async fn whole(mut taken: FileTaken) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(part) = taken.next().await.expect("it is not cut off") {
        bytes.extend(part);
    }
    assert_eq!(bytes.len() as u64, taken.bytes);
    bytes
}

async fn open(client: &Client, backup: BackupId) {
    client.backup_open(backup).await.expect("there is room");
    let until = tokio::time::Instant::now() + TAKES;
    loop {
        match client.backup_files(backup, "/").await.expect("ours").opened {
            Opened::Open => return,
            Opened::Opening { .. } => assert!(tokio::time::Instant::now() < until, "it takes too long"),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn names(rows: &[File]) -> Vec<&str> {
    rows.iter().map(|row| row.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_has_written_is_taken_out_of_a_backup_and_a_snapshot_file_by_file() {
    let (machine, backups) = (Machine::start(), Target::Directory(elsewhere()));
    let (panel, client) = first_life(&machine, &backups).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let draft = GuestDraft { disk_mib: 64, ..form.suggested() };
    let guest = client.guest_create(&draft).await.expect("a good draft").guest;
    let line = "mkdir /root/deep; cd /root/deep; dd if=/dev/urandom of=much bs=64k count=40 2>/dev/null; md5sum <much >sum; \
                ln -s /etc/passwd leads; mknod null c 1 3; cd /root";
    type_in(&client, guest, line, "one").await;
    let taken = client.snapshot_take(guest, "kept").await.expect("there is room");
    over(&client, taken.operation).await;
    let kept = taken.snapshot;
    let made = client.backup_take(guest).await.expect("there is room");
    over(&client, made.operation).await;
    type_in(&client, guest, "rm -r /root/deep", "two").await;

    let rows = client.snapshot_files(guest, kept, "/root/deep").await.expect("ours").rows;
    assert_eq!(names(&rows), ["leads", "much", "null", "sum"]);
    assert_eq!(
        rows.iter().map(|row| row.kind).collect::<Vec<_>>(),
        [FileKind::Link, FileKind::File, FileKind::Special, FileKind::File]
    );
    assert_eq!((rows[0].target.as_deref(), rows[1].bytes), (Some("/etc/passwd"), 40 * 65536));
    let much = whole(client.snapshot_file(guest, kept, "/root/deep/much", "").await.expect("ours")).await;
    let sum = whole(client.snapshot_file(guest, kept, "/root/deep/sum", "").await.expect("ours")).await;
    let place = tempfile::tempdir().expect("tmp");
    fs::write(place.path().join("much"), &much).expect("written");
    let same = |at: &str| {
        let output = std::process::Command::new("md5sum")
            .current_dir(place.path())
            .stdin(fs::File::open(place.path().join(at)).expect("there"))
            .output();
        output.expect("coreutils").stdout
    };
    assert_eq!(same("much"), sum, "what the guest itself has reckoned");
    let refused = client.snapshot_file(guest, kept, "/root/deep/leads", "").await.map(drop).expect_err("a link");
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(409));
    let below = client.snapshot_file(guest, kept, "/root/deep/leads/x", "").await.map(drop).expect_err("a link");
    assert_eq!(below.status().map(|status| status.as_u16()), Some(404));

    // Its backup is there when it is gone, and when a panel was killed that had it open.
    over(&client, client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation")).await;
    open(&client, made.backup).await;
    let (panel, client) = killed_and_back(&machine, &backups, panel).await;
    open(&client, made.backup).await;
    let shown = client.backup_files(made.backup, "/root").await.expect("ours").files.expect("it is open");
    assert!(names(&shown.rows).contains(&"deep"), "{shown:?}");
    assert!(whole(client.backup_file(made.backup, "/root/deep/much", "").await.expect("ours")).await == much);
    let archive = whole(client.backup_file(made.backup, "/root/deep", "tar").await.expect("ours")).await;
    fs::write(place.path().join("tar"), archive).expect("written");
    let unpacked = std::process::Command::new("tar").args(["-xf", "tar"]).current_dir(place.path()).status();
    assert!(unpacked.expect("tar").success());
    assert_eq!(same("root/deep/much"), sum);
    assert!(!place.path().join("root/deep/null").exists(), "no devices");
    client.backup_close(made.backup).await.expect("ours");
    client.backup_remove(made.backup).await.expect("nobody reads it");
    assert!(files(&machine.layout.panel().join("uploads")).is_empty());
    assert_eq!(machine.dump(), Vec::<String>::new());
    drop(panel);
}
