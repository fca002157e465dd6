//! What the end of a kernel process means.
//!
//! With `noreboot` both a reboot and a power-off end with status 0 and only the kernel's last line
//! tells them apart: a word of the guest's, good for convenience, never for a right.

use umbel_guest::Exit;

/// Of what a kernel that did not come up has written.
const WORDS_MAX: usize = 700;

/// How a process ended, as waitpid(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    Signalled(i32),
}

/// Who wanted it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    Us,
    Itself,
}

/// `tail` is the end of its console, a few hundred bytes.
pub fn meaning(ended: Ended, by: EndedBy, tail: &[u8]) -> Exit {
    match (ended, by) {
        (Ended::Signalled(_), EndedBy::Us) => Exit::Killed,
        // Seen of 6.1 on a busy machine, once in 66 boots by hand: the kernel says its last line and
        // then aborts instead of exiting. Nothing of the guest was running any more.
        (Ended::Signalled(signal), EndedBy::Itself) if signal == nix::libc::SIGABRT && has_halted(tail) => {
            if says_reboot(tail) {
                Exit::Rebooted
            } else {
                Exit::PoweredOff
            }
        }
        (Ended::Signalled(signal), EndedBy::Itself) => Exit::Crashed { signal },
        (Ended::Exited(0), _) if says_reboot(tail) => Exit::Rebooted,
        (Ended::Exited(0), _) => Exit::PoweredOff,
        // Shells and helpers hand a signal on as 128 and its number.
        (Ended::Exited(status), EndedBy::Itself) if status == 128 + nix::libc::SIGABRT => {
            Exit::Crashed { signal: nix::libc::SIGABRT }
        }
        (Ended::Exited(_), EndedBy::Us) => Exit::Killed,
        (Ended::Exited(status), EndedBy::Itself) => Exit::Failed { status },
    }
}

/// The same for a kernel that ended before it ever answered, unless it was told to: it could not start,
/// and what it wrote is all there is to know.
pub fn never_was_up(ended: Ended, tail: &[u8]) -> Exit {
    let how = match ended {
        Ended::Exited(status) => format!("the kernel ended with status {status}"),
        Ended::Signalled(signal) => format!("the kernel was ended by signal {signal}"),
    };
    let words = last_words(tail);
    let reason = if words.is_empty() { format!("{how} without a word") } else { format!("{how}. It wrote: {words}") };
    Exit::NotStarted { reason }
}

/// The end of what was written in a line, as plain text: at most [`WORDS_MAX`] characters.
fn last_words(tail: &[u8]) -> String {
    let text: String = tail.iter().map(|&b| if matches!(b, b' '..=b'~') { char::from(b) } else { ' ' }).collect();
    let mut words: Vec<&str> = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace().rev() {
        length += word.len() + 1;
        if length > WORDS_MAX {
            break;
        }
        words.push(word);
    }
    words.reverse();
    words.join(" ")
}

/// Whether the very last line is the one that a kernel ends with.
fn has_halted(tail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(tail);
    let ends = ["reboot: Restarting system", "reboot: System halted", "reboot: Power down"];
    ends.iter().any(|end| text.trim_end().ends_with(end))
}

fn says_reboot(tail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(tail);
    let last = text.lines().rev().find(|line| line.contains("reboot: "));
    last.is_some_and(|line| line.contains("reboot: Restarting system"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_wrote_that_never_was_up_is_the_reason_as_plain_text() {
        let tail = b"\x1b[1mChecking\r\n\tptrace...\r\nfailed: \xff no\r\n";
        let Exit::NotStarted { reason } = never_was_up(Ended::Exited(1), tail) else { panic!("another exit") };
        assert_eq!(reason, "the kernel ended with status 1. It wrote: [1mChecking ptrace... failed: no");
        let Exit::NotStarted { reason } = never_was_up(Ended::Signalled(4), b"") else { panic!("another exit") };
        assert_eq!(reason, "the kernel was ended by signal 4 without a word");
        let long = b"words \"quoted\" ".repeat(200);
        let Exit::NotStarted { reason } = never_was_up(Ended::Exited(1), &long) else { panic!("another exit") };
        assert!(reason.len() < WORDS_MAX + 100 && reason.ends_with("quoted\""), "{reason}");
    }

    #[test]
    fn every_end_has_its_name() {
        use Ended::{Exited, Signalled};
        use EndedBy::{Itself, Us};
        let off = b"\r\nreboot: System halted\r\n".as_slice();
        let again = b"reboot: Restarting system\r\n".as_slice();
        for (ended, by, tail, exit) in [
            (Exited(0), Itself, off, Exit::PoweredOff),
            (Exited(0), Itself, b"reboot: Power down".as_slice(), Exit::PoweredOff),
            (Exited(0), Itself, again, Exit::Rebooted),
            (Exited(0), Us, off, Exit::PoweredOff),
            (Exited(42), Itself, off, Exit::Failed { status: 42 }),
            (Signalled(6), Itself, b"Kernel panic".as_slice(), Exit::Crashed { signal: 6 }),
            (Signalled(6), Itself, off, Exit::PoweredOff),
            (Signalled(6), Itself, again, Exit::Rebooted),
            (Signalled(6), Itself, b"reboot: System halted\r\nKernel panic".as_slice(), Exit::Crashed { signal: 6 }),
            (Signalled(9), Itself, off, Exit::Crashed { signal: 9 }),
            (Exited(134), Itself, b"".as_slice(), Exit::Crashed { signal: 6 }),
            (Signalled(9), Us, b"".as_slice(), Exit::Killed),
            (Signalled(9), Itself, b"".as_slice(), Exit::Crashed { signal: 9 }),
        ] {
            assert_eq!(meaning(ended, by, tail), exit, "{ended:?} {by:?}");
        }
    }
}
