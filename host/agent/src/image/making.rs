//! Images that are being made: whether somebody has stopped one, and how much of what was sent the workshop has read.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use umbel_guest::ImageId;
use umbel_wire::agent::Refusal;

use crate::process;

#[derive(Debug, Default)]
pub struct Making(Mutex<Vec<Work>>);

#[derive(Debug)]
struct Work {
    image: ImageId,
    is_stopped: bool,
    /// The one that has its turn; others wait for theirs.
    is_under_way: bool,
    percent: Option<u8>,
}

/// Dropped, the image is not being made any more.
pub(super) struct Guard<'a> {
    making: &'a Making,
    image: &'a ImageId,
}

impl Making {
    fn all(&self) -> MutexGuard<'_, Vec<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is asked for, and waits for its turn.
    pub(super) fn begin<'a>(&'a self, image: &'a ImageId) -> Guard<'a> {
        self.all().push(Work { image: image.clone(), is_stopped: false, is_under_way: false, percent: None });
        Guard { making: self, image }
    }

    /// Stops it if it is being made. Repeating it does no harm.
    pub fn stop(&self, image: &ImageId) {
        self.all().iter_mut().filter(|work| work.image == *image).for_each(|work| work.is_stopped = true);
    }

    /// Of the task that is worked on, as far as that can be said.
    pub fn percent(&self, image: &ImageId) -> Option<u8> {
        self.all().iter().find(|work| work.image == *image && work.is_under_way)?.percent
    }

    /// Whether the one that has its turn is not wanted any more; notes how far it is.
    pub fn look(&self, percent: Option<u8>) -> Result<(), Refusal> {
        let mut all = self.all();
        let Some(work) = all.iter_mut().find(|work| work.is_under_way) else { return Ok(()) };
        work.percent = percent;
        match work.is_stopped {
            true => Err(Refusal::ImageStopped { image: work.image.clone() }),
            false => Ok(()),
        }
    }
}

impl Guard<'_> {
    /// It has its turn.
    pub(super) fn is_under_way(&self) -> Result<(), Refusal> {
        self.making.all().iter_mut().filter(|work| work.image == *self.image).for_each(|work| work.is_under_way = true);
        self.making.look(None)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut all = self.making.all();
        // Asked for twice, the one that is done had its turn.
        let at = all.iter().position(|work| work.image == *self.image);
        at.map(|at| all.remove(at));
    }
}

/// How much of a file the processes of a guest have read, if they read nothing else but their beginning: of all that they
/// have read, in bytes (`rchar`, proc_pid_io(5)).
pub fn read_percent(shim: i32, file: &Path) -> Option<u8> {
    let length = fs::metadata(file).ok()?.len();
    let read: u64 = process::descendants(shim).into_iter().filter_map(read_by).sum();
    // Its tools and what it looks at again come on top, which is little beside a file that takes long.
    let percent = read * 100 / length.max(1);
    Some(u8::try_from(percent.min(99)).unwrap_or(99))
}

fn read_by(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stopped_is_that_image_and_only_while_it_is_made() {
        let (making, one, other): (_, ImageId, ImageId) =
            (Making::default(), "one-1".parse().expect("a slug"), "other-1".parse().expect("a slug"));
        making.stop(&one);
        let made = making.begin(&one);
        let waits = making.begin(&other);
        made.is_under_way().expect("nobody has stopped it since");
        making.stop(&other);
        making.look(Some(40)).expect("that one waits");
        assert_eq!((making.percent(&one), making.percent(&other)), (Some(40), None));
        drop(made);
        assert_eq!(making.percent(&one), None);
        assert!(matches!(waits.is_under_way(), Err(Refusal::ImageStopped { image }) if image == other));
        drop(waits);
        making.look(None).expect("nothing is made");
    }
}
