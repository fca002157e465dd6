//! Parts of a file that a thread gives and a connection takes.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Parts that wait for whoever takes them.
const WAITING: usize = 2;
/// How long it is waited for somebody who takes nothing.
const TAKEN: Duration = Duration::from_secs(60);

pub(crate) struct Giver<E>(mpsc::Sender<Result<Vec<u8>, E>>);

pub(crate) fn giver<E>() -> (Giver<E>, mpsc::Receiver<Result<Vec<u8>, E>>) {
    let (to, parts) = mpsc::channel(WAITING);
    (Giver(to), parts)
}

impl<E> Giver<E> {
    /// Whether somebody took it. On a thread that may wait, not within a task.
    pub(crate) fn gives(&self, part: Result<Vec<u8>, E>) -> bool {
        let given = Handle::current().block_on(timeout(TAKEN, self.0.send(part)));
        given.is_ok_and(|sent| sent.is_ok())
    }
}
