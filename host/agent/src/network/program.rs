//! The programs that links, queues and filters are made with. Each takes a whole text at its standard
//! input, so that no shell and no word splitting is in between; every text is generated here.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::NetworkError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// ip-link(8), ip-tuntap(8), ip-address(8)
    Ip,
    /// tc(8)
    Tc,
    /// nft(8): the whole text or nothing of it
    Nft,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Tc => "tc",
            Self::Nft => "nft",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Ip | Self::Tc => "iproute2",
            Self::Nft => "nftables",
        }
    }

    fn arguments(self) -> [&'static str; 2] {
        match self {
            Self::Ip | Self::Tc => ["-batch", "-"],
            Self::Nft => ["-f", "-"],
        }
    }

    /// In the network namespace of the calling thread.
    pub fn feed(self, text: &str) -> Result<(), NetworkError> {
        let path = find(self.name(), self.package())?;
        let failed = |source| NetworkError::Run { program: self.name(), source };
        let mut command = Command::new(path);
        command.args(self.arguments()).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        // A program that ends early says why, and that is the error to show.
        let fed = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().map_err(failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
            return Err(NetworkError::Failed { program: self.name(), said });
        }
        fed.map_err(failed)
    }
}

/// Where Debian and others keep what only an administrator runs.
pub fn find(name: &'static str, package: &'static str) -> Result<PathBuf, NetworkError> {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(|place| Path::new(place).join(name));
    places.into_iter().find(|path| path.exists()).ok_or(NetworkError::Missing { program: name, package })
}

/// Writes a setting of /proc/sys/net in the network namespace of the calling thread.
pub fn set(setting: &str, value: &str) -> Result<(), NetworkError> {
    let path = Path::new("/proc/sys/net").join(setting);
    std::fs::write(&path, value).map_err(|source| NetworkError::Setting { path, source })
}

/// The same where hosts without it need it not.
pub fn set_if_there(setting: &str, value: &str) -> Result<(), NetworkError> {
    match set(setting, value) {
        Err(NetworkError::Setting { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
