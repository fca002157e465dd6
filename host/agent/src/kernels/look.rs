//! What is found out about a kernel file: its facts are read, its abilities are asked of it. Both again
//! only when the file has changed; the answers outlive the agent, by the file's checksum.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use umbel_guest::{KernelFeatures, KernelMode};
use umbel_uml::features::features;
use umbel_uml::kernel::probe;
use umbel_uml::xstate;

use super::ask::{Asker, Question};
use crate::{hex, in_full, libraries};

/// Of another shape than what an older agent has written.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    /// For example `6.1.176`.
    pub version: String,
    pub sha256: String,
    pub size_bytes: u64,
    pub features: KernelFeatures,
}

/// What was answered, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    format: u32,
    features: KernelFeatures,
}

/// Of which file, and what was found.
type Known = (Identity, Result<Looked, String>);

#[derive(Debug)]
pub(super) struct Looks {
    /// A file per checksum.
    directory: PathBuf,
    asker: Asker,
    known: Mutex<HashMap<PathBuf, Known>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    size: u64,
    changed: (i64, i64),
    mode: u32,
}

impl Looks {
    pub(super) fn new(directory: PathBuf, asker: Asker) -> Self {
        Self { directory, asker, known: Mutex::default() }
    }

    /// The facts of a kernel that can be started; why it can't.
    pub(super) fn look(&self, file: &Path, libraries: Option<&Path>) -> Result<Looked, String> {
        let identity = fs::metadata(file).map(|facts| identity(&facts)).map_err(|e| in_full(&e))?;
        if let Some((then, looked)) = self.known().get(file)
            && *then == identity
        {
            return looked.clone();
        }
        // Nobody else waits for an answer that may never come.
        let looked = self.look_anew(file, libraries, identity);
        self.known().insert(file.to_owned(), (identity, looked.clone()));
        looked
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_anew(&self, file: &Path, own: Option<&Path>, identity: Identity) -> Result<Looked, String> {
        let facts = probe(file).map_err(|e| in_full(&e))?;
        if identity.mode & 0o005 != 0o005 {
            return Err("guests may not read and run it: it needs mode 0755".into());
        }
        let is_static = || libraries::closure(&[file], own).is_ok_and(|found| found.is_empty());
        if xstate::is_needed() && xstate::is_older(&facts.version) && is_static() {
            return Err(
                "it would panic over its first program: this processor has more registers than kernels before 6.13 \
                        know, and one that is linked statically can't be helped"
                    .into(),
            );
        }
        let sha256 = digest(file).map_err(|e| in_full(&e))?;
        let mut features = self.ask(file, own, &sha256)?;
        if !host_has_filters() {
            features.modes.retain(|mode| *mode != KernelMode::Fast);
        }
        Ok(Looked { version: facts.version, sha256, size_bytes: facts.size_bytes, features })
    }

    fn ask(&self, file: &Path, libraries: Option<&Path>, sha256: &str) -> Result<KernelFeatures, String> {
        let kept = self.directory.join(format!("{sha256}.json"));
        let answers = fs::read(&kept).ok().and_then(|json| serde_json::from_slice::<Answers>(&json).ok());
        if let Some(answers) = answers.filter(|answers| answers.format == FORMAT) {
            return Ok(answers.features);
        }
        let ask = |question| self.asker.ask(file, libraries, question).map_err(|e| in_full(&e));
        // It runs at all, with the libraries that it would have in a guest's jail.
        ask(Question::Version)?;
        let features = features(&ask(Question::Configuration)?, &ask(Question::Help)?);
        let answers = Answers { format: FORMAT, features: features.clone() };
        if let Err(error) = self.keep(&kept, &answers) {
            tracing::warn!(cause = in_full(&error), "what a kernel can do will be asked again");
        }
        Ok(features)
    }

    fn keep(&self, path: &Path, answers: &Answers) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(answers)?)?;
        fs::rename(beside, path)
    }
}

pub(super) fn digest(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut digest)?;
    Ok(hex(&digest.finalize()))
}

fn identity(facts: &Metadata) -> Identity {
    let changed = (facts.ctime(), facts.ctime_nsec());
    Identity { inode: facts.ino(), size: facts.size(), changed, mode: facts.mode() }
}

/// Whether this host's kernel takes the filter that fast mode is made of (seccomp(2)).
#[expect(unsafe_code, reason = "a system call that asks a question")]
fn host_has_filters() -> bool {
    let action = libc::SECCOMP_RET_TRAP;
    // SAFETY: reads four bytes from a value that lives through the call.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    answer == 0
}
