//! Forwarding of packets on the whole host: they come back in by any of its interfaces. It is turned on for
//! as long as any instance of the machine needs it; the last one gives it back as the first has found it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use umbel_guest::InstanceId;

use crate::claims;

/// What it was before the first instance, among the claims of those that need it.
const FOUND: &str = "found";
const ON: &str = "1";

#[derive(Debug)]
pub struct Forwarding {
    pub setting: PathBuf,
    claims: PathBuf,
}

impl Forwarding {
    /// Of the network namespace of this process: each has a setting of its own.
    pub fn of_the_host() -> io::Result<Self> {
        let namespace = fs::metadata("/proc/self/ns/net")?.ino();
        let claims = format!("/run/umbel-forwarding-{namespace}").into();
        Ok(Self { setting: "/proc/sys/net/ipv4/ip_forward".into(), claims })
    }

    /// Repeating it does no harm.
    pub fn need(&self, instance: &InstanceId, owner: &Path) -> io::Result<()> {
        let _alone = self.lock()?;
        let name = instance.as_str();
        claims::take(&self.claims, name, owner.as_os_str().as_encoded_bytes())?;
        let found = self.read()?;
        if found != ON {
            claims::take(&self.claims, FOUND, found.as_bytes())?;
            fs::write(&self.setting, ON)?;
        }
        Ok(())
    }

    /// What somebody else has changed since stays as it is. Repeating it does no harm.
    pub fn give_back(&self, instance: &InstanceId, owner: &Path) -> io::Result<()> {
        let _alone = self.lock()?;
        claims::release(&self.claims, instance.as_str(), owner.as_os_str().as_encoded_bytes());
        let Some(found) = claims::holder(&self.claims, FOUND)? else { return Ok(()) };
        let others = fs::read_dir(&self.claims)?.filter_map(Result::ok).any(|entry| entry.file_name() != FOUND);
        if others {
            return Ok(());
        }
        if self.read()? == ON {
            fs::write(&self.setting, &found)?;
            tracing::info!(setting = %self.setting.display(), "as it was before");
        }
        claims::release(&self.claims, FOUND, &found);
        Ok(())
    }

    fn read(&self) -> io::Result<String> {
        Ok(fs::read_to_string(&self.setting)?.trim().to_owned())
    }

    /// The setting itself is the lock: whoever means the same one finds it.
    fn lock(&self) -> io::Result<File> {
        let file = File::open(&self.setting)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_gives_back_what_the_first_one_found() {
        let dir = tempfile::tempdir().expect("tmp");
        let forwarding = Forwarding { setting: dir.path().join("ip_forward"), claims: dir.path().join("claims") };
        let write = |value: &str| fs::write(&forwarding.setting, value).expect("written");
        let is = |value: &str| assert_eq!(forwarding.read().expect("there"), value);
        let owner = Path::new("/data");
        let (one, other) = ("0a1b2c".parse().expect("an id"), "3d4e5f".parse().expect("an id"));
        let need = |instance: &InstanceId| forwarding.need(instance, owner).expect("writable");
        let give_back = |instance: &InstanceId| forwarding.give_back(instance, owner).expect("writable");
        write("0\n");
        need(&one);
        need(&other);
        need(&one);
        give_back(&one);
        is("1");
        give_back(&other);
        is("0");
        give_back(&other);
        assert!(!dir.path().join("claims").exists());
        write("1\n");
        need(&one);
        give_back(&one);
        is("1");
        write("0\n");
        need(&one);
        write("2\n");
        give_back(&one);
        is("2");
    }
}
