//! A shim without a guest: a real ring, a real socket, the real words; what "the guest" writes and
//! whether it takes keys is the test's to say.

use std::fs::OpenOptions;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use umbel_guest::console::{CHUNK, WINDOW};
use umbel_guest::{Generation, GuestId};
use umbel_wire::Layout;
use umbel_wire::frame::aio;
use umbel_wire::ring::{Place, RingWriter};
use umbel_wire::shim::{Control, FromShim, ToShim, VERSION, Word};

/// Directories of a panel with consoles; gone when dropped.
pub(crate) struct Rooms {
    pub(crate) layout: Layout,
    _data: TempDir,
    _run: TempDir,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let run = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::new(data.path(), run.path()).expect("a short path");
        std::fs::create_dir_all(layout.shim_sockets()).expect("ours");
        Self { layout, _data: data, _run: run }
    }
}

#[derive(Debug)]
struct Shared {
    guest: GuestId,
    ring: Mutex<RingWriter>,
    end: watch::Sender<u64>,
    typed: Mutex<Vec<u8>>,
    told: Mutex<Vec<Control>>,
    takes_keys: bool,
}

/// Dropped, it is gone as by a SIGKILL.
pub(crate) struct FakeShim {
    shared: Arc<Shared>,
    layout: Layout,
    _tasks: JoinSet<()>,
}

impl FakeShim {
    pub(crate) fn start(layout: &Layout, guest: GuestId) -> Self {
        Self::begin(layout, guest, true)
    }

    /// Its guest reads nothing.
    pub(crate) fn start_deaf(layout: &Layout, guest: GuestId) -> Self {
        Self::begin(layout, guest, false)
    }

    fn begin(layout: &Layout, guest: GuestId, takes_keys: bool) -> Self {
        std::fs::create_dir_all(layout.guest(guest)).expect("ours");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(layout.ring(guest));
        let ring = RingWriter::begin(&file.expect("ours"), Generation::FIRST).expect("a ring");
        let end = watch::Sender::new(ring.extent().end);
        let (typed, told) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { guest, ring: Mutex::new(ring), end, typed, told, takes_keys });
        let _ = std::fs::remove_file(layout.shim_socket(guest));
        let listener = UnixListener::bind(layout.shim_socket(guest)).expect("a free path");
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, layout: layout.clone(), _tasks: tasks }
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut ring = self.shared.ring.lock().expect("whole");
        ring.append(bytes);
        self.shared.end.send_replace(ring.extent().end);
    }

    pub(crate) fn typed(&self) -> Vec<u8> {
        self.shared.typed.lock().expect("whole").clone()
    }

    pub(crate) fn told(&self) -> Vec<Control> {
        self.shared.told.lock().expect("whole").clone()
    }
}

impl Drop for FakeShim {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.layout.shim_socket(self.shared.guest));
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&shared)));
    }
}

async fn converse(stream: UnixStream, shared: Arc<Shared>) {
    let (read, mut write): (OwnedReadHalf, OwnedWriteHalf) = stream.into_split();
    let (say, mut said) = mpsc::channel(8);
    let mut listening = JoinSet::new();
    listening.spawn(listen(read, say, Arc::clone(&shared)));
    let mut end = shared.end.subscribe();
    let (mut cursor, mut acked) = (None::<u64>, 0_u64);
    loop {
        while let Some(at) = cursor.filter(|at| at - acked < WINDOW) {
            let Some(message) = next(&shared, at) else { break };
            cursor = Some(match &message {
                FromShim::Chunk { offset, bytes } => offset + bytes.len() as u64,
                FromShim::Gap { to, .. } => {
                    acked = *to;
                    *to
                }
                _ => at,
            });
            if tell(&mut write, &message).await.is_err() {
                return;
            }
        }
        tokio::select! {
            control = said.recv() => match control {
                None => return,
                Some(Control::Hello { version }) => {
                    assert_eq!(version, VERSION);
                    let hello = Word::Hello { version, guest: shared.guest, generation: Generation::FIRST };
                    if tell(&mut write, &FromShim::Word(hello)).await.is_err() {
                        return;
                    }
                }
                Some(Control::Attach { from }) => {
                    cursor = from;
                    acked = from.unwrap_or_default();
                }
                Some(Control::Ack { offset }) => acked = acked.max(offset.min(cursor.unwrap_or_default())),
                Some(other) => shared.told.lock().expect("whole").push(other),
            },
            _ = end.changed() => {}
        }
    }
}

/// A connection on which keys come is not heard any more if the guest takes none.
async fn listen(mut read: OwnedReadHalf, say: mpsc::Sender<Control>, shared: Arc<Shared>) {
    while let Ok(content) = aio::read(&mut read).await {
        match ToShim::decode(&content).expect("the server's words") {
            ToShim::Input(_) if !shared.takes_keys => std::future::pending().await,
            ToShim::Input(bytes) => shared.typed.lock().expect("whole").extend(bytes),
            ToShim::Control(control) => {
                if say.send(control).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn next(shared: &Shared, at: u64) -> Option<FromShim> {
    let ring = shared.ring.lock().expect("whole");
    match ring.read(at, CHUNK) {
        Ok(bytes) => Some(FromShim::Chunk { offset: at, bytes: bytes.to_vec() }),
        Err(Place::Gap { to }) => Some(FromShim::Gap { from: at, to }),
        Err(_) => None,
    }
}

async fn tell(write: &mut OwnedWriteHalf, message: &FromShim) -> Result<(), umbel_wire::frame::FrameError> {
    aio::write(write, &message.encode()?).await
}

/// A shim that greets and then says whatever it is given, on every connection.
pub(crate) fn liar(layout: &Layout, guest: GuestId, lies: Vec<Vec<u8>>) -> JoinSet<()> {
    let listener = UnixListener::bind(layout.shim_socket(guest)).expect("a free path");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let hello = Word::Hello { version: VERSION, guest, generation: Generation::FIRST };
            let hello = FromShim::Word(hello).encode().expect("small");
            let _ = aio::write(&mut stream, &hello).await;
            for lie in &lies {
                let _ = aio::write(&mut stream, lie).await;
            }
            // Long enough to be heard.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    tasks
}
