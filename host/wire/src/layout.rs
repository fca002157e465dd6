//! Where things lie. Every path is derived here from an instance and an id; none is ever passed in.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use umbel_guest::{DiskSize, GuestId, ImageId, InstanceId, KernelId, SnapshotId, UploadId, VolumeId};

/// Longest path of a Unix socket in bytes, without the terminating zero (`sun_path`, unix(7)).
pub const SOCKET_PATH_MAX: usize = 107;

/// A directory that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("can't resolve the data directory {path}")]
    Resolve { path: PathBuf, source: io::Error },
    #[error(
        "the run directory {path} is too long: sockets in it would pass the 107 bytes that unix(7) allows; choose a shorter one with --run"
    )]
    RunTooLong { path: PathBuf },
}

/// The two directories of one panel on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    data: PathBuf,
    run: PathBuf,
    instance: InstanceId,
}

impl Layout {
    /// `data` must exist: the instance id is a hash of its resolved path.
    pub fn new(data: &Path, run: &Path) -> Result<Self, LayoutError> {
        let data = data.canonicalize().map_err(|source| LayoutError::Resolve { path: data.to_owned(), source })?;
        let digest = Sha256::digest(data.as_os_str().as_encoded_bytes());
        let hex: String = digest.iter().take(3).map(|b| format!("{b:02x}")).collect();
        let instance: InstanceId = hex.parse().expect("six hexadecimal digits are a slug");
        let layout = Self { run: run.join(instance.as_str()), data, instance };
        // The longest socket of all: a guest's in the directory of its network's switch.
        if layout.run.as_os_str().len() + "/v/0123456789ab/0123456789ab".len() > SOCKET_PATH_MAX {
            return Err(LayoutError::RunTooLong { path: layout.run });
        }
        Ok(layout)
    }

    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The instance's own run directory, `RUN/<instance>`.
    pub fn run(&self) -> &Path {
        &self.run
    }

    pub fn agent_socket(&self) -> PathBuf {
        self.run.join("agent.sock")
    }

    /// Directory of the shims' sockets.
    pub fn shim_sockets(&self) -> PathBuf {
        self.run.join("g")
    }

    pub fn shim_socket(&self, guest: GuestId) -> PathBuf {
        self.shim_sockets().join(format!("{}.sock", guest.short()))
    }

    /// Mount point of a guest's own tmpfs: memory file, management console. Empty seen from outside.
    pub fn work(&self, guest: GuestId) -> PathBuf {
        self.run.join("w").join(guest.short())
    }

    /// The agent's ledger and other state of its own, readable by nobody else.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("agent")
    }

    /// Where an administrator of the host puts root images that guests may be made of.
    pub fn adopt(&self) -> PathBuf {
        self.data.join("adopt")
    }

    pub fn guests(&self) -> PathBuf {
        self.data.join("guests")
    }

    pub fn guest(&self, guest: GuestId) -> PathBuf {
        self.guests().join(guest.to_string())
    }

    pub fn disk(&self, guest: GuestId) -> PathBuf {
        self.guest(guest).join("disk0")
    }

    /// Copies of it that are kept.
    pub fn snapshots(&self, guest: GuestId) -> PathBuf {
        self.guest(guest).join("snapshots")
    }

    pub fn snapshot(&self, guest: GuestId, snapshot: SnapshotId) -> PathBuf {
        self.snapshots(guest).join(snapshot.to_string())
    }

    /// All volumes; root's alone.
    pub fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    pub fn volume(&self, volume: VolumeId) -> PathBuf {
        self.volumes().join(volume.to_string())
    }

    /// Where a guest that runs finds its volumes, each under a second name of its file.
    pub fn guest_volumes(&self, guest: GuestId) -> PathBuf {
        self.guest(guest).join("volumes")
    }

    pub fn ring(&self, guest: GuestId) -> PathBuf {
        self.guest(guest).join("console.ring")
    }

    pub fn shim_log(&self, guest: GuestId) -> PathBuf {
        self.guest(guest).join("shim.log")
    }

    pub fn image(&self, image: &ImageId) -> PathBuf {
        self.data.join("images").join(image.as_str())
    }

    /// The immutable base of one size.
    pub fn base(&self, image: &ImageId, size: DiskSize) -> PathBuf {
        self.image(image).join(Self::base_name(size))
    }

    /// Whatever file system it holds.
    pub fn base_name(size: DiskSize) -> String {
        format!("base-{}.ext4", size.mib())
    }

    /// Directory of the kernels that were uploaded.
    pub fn kernels(&self) -> PathBuf {
        self.data.join("kernels")
    }

    /// Directory of one of them: `linux`, and the libraries that it came with in `lib`.
    pub fn kernel(&self, kernel: &KernelId) -> PathBuf {
        self.kernels().join(kernel.as_str())
    }

    /// Files that came in and that the agent may take over: a kernel as `linux`, with what it came with in `lib/`; a file
    /// system as `disk`.
    pub fn upload(&self, upload: UploadId) -> PathBuf {
        self.panel().join("uploads").join(upload.to_string())
    }

    /// What belongs to the panel alone: database, secrets, logs.
    pub fn panel(&self) -> PathBuf {
        self.data.join("panel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_data_directories_never_meet() {
        let (a, b) = (tempfile::tempdir().expect("tmp"), tempfile::tempdir().expect("tmp"));
        let a = Layout::new(a.path(), Path::new("/run/umbel")).expect("exists");
        let b = Layout::new(b.path(), Path::new("/run/umbel")).expect("exists");
        assert_ne!(a.instance(), b.instance());
        assert_ne!(a.agent_socket(), b.agent_socket());
    }

    #[test]
    fn a_run_directory_too_deep_for_sockets_is_named() {
        let data = tempfile::tempdir().expect("tmp");
        let deep = PathBuf::from("/run").join("x".repeat(90));
        let error = Layout::new(data.path(), &deep).expect_err("too long").to_string();
        assert!(error.contains("--run"), "{error}");
    }
}
