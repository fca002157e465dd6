//! The way of keys into a guest. It has a connection of its own: a guest that takes no input holds
//! up its typists, and nobody's output.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use umbel_guest::GuestId;
use umbel_wire::Layout;
use umbel_wire::shim::ToShim;

use super::shim::ShimStream;

/// Frames that may be typed ahead of a guest: 1 MiB at most, since each is at most
/// [`umbel_guest::console::INPUT`] long. What is typed beyond is lost, as on a terminal line whose
/// other end reads nothing.
const AHEAD: usize = 64;

#[derive(Debug)]
pub(super) struct Typist {
    keys: mpsc::Sender<Vec<u8>>,
    _task: AbortOnDropHandle<()>,
}

impl Typist {
    pub(super) fn new(layout: Layout, guest: GuestId) -> Self {
        let (keys, typed) = mpsc::channel(AHEAD);
        Self { keys, _task: AbortOnDropHandle::new(tokio::spawn(carry(layout, guest, typed))) }
    }

    /// Whether there was room for it.
    pub(super) fn type_in(&self, bytes: Vec<u8>) -> bool {
        self.keys.try_send(bytes).is_ok()
    }
}

/// One connection for as long as it holds. What was typed while there is no guest goes nowhere.
async fn carry(layout: Layout, guest: GuestId, mut typed: mpsc::Receiver<Vec<u8>>) {
    let mut open: Option<ShimStream> = None;
    loop {
        let bytes = tokio::select! {
            bytes = typed.recv() => match bytes {
                Some(bytes) => bytes,
                None => return,
            },
            // Words about the guest's state; they are read so that its end is noticed.
            said = next_of(&mut open) => {
                if said.is_none() {
                    open = None;
                }
                continue;
            }
        };
        if open.is_none() {
            open = ShimStream::greet(&layout, guest).await.ok();
        }
        if let Some(shim) = &mut open
            && shim.send_all(&ToShim::Input(bytes)).await.is_err()
        {
            open = None;
        }
    }
}

async fn next_of(open: &mut Option<ShimStream>) -> Option<()> {
    match open {
        Some(shim) => shim.next().await.ok().map(drop),
        None => std::future::pending().await,
    }
}
