//! A generator of requests that costs little beside what answers them: bytes on connections that stay, from
//! one thread on one processor.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, block_in_place};
use tokio::time::sleep_until;

use crate::Failure;
use crate::figures::Samples;

/// What is asked again and again.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) path: String,
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// On so many connections, each as soon as it was answered.
    AsFastAsAnswered { connections: usize },
    /// So many times a second, however long answers take: a request's time counts from when it was due.
    PerSecond { rate: f64, connections: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) per_second: f64,
    pub(crate) times: Samples,
}

/// Asks for so long and gives what was answered; anything but 200 ends it.
pub(crate) fn ask(asked: &Asked, pace: Pace, during: Duration) -> Result<Answered, Failure> {
    block_in_place(|| std::thread::scope(|scope| scope.spawn(|| on_one_processor(asked, pace, during)).join()))
        .map_err(|_| "the generator broke")?
}

fn on_one_processor(asked: &Asked, pace: Pace, during: Duration) -> Result<Answered, Failure> {
    let mut last = CpuSet::new();
    last.set(std::thread::available_parallelism()?.get() - 1)?;
    sched_setaffinity(Pid::from_raw(0), &last)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let times = RefCell::new(Vec::new());
    let connections = match pace {
        Pace::AsFastAsAnswered { connections } | Pace::PerSecond { connections, .. } => connections,
    };
    let began = Instant::now();
    LocalSet::new().block_on(&runtime, async {
        let each = (0..connections).map(|number| connection(asked, pace, number, began, during, &times));
        futures::future::try_join_all(each).await
    })?;
    let took = began.elapsed().as_secs_f64();
    let times = times.into_inner();
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand answers")]
    let per_second = times.len() as f64 / took;
    Ok(Answered { per_second, times: Samples::ms(&times) })
}

async fn connection(
    asked: &Asked,
    pace: Pace,
    number: usize,
    began: Instant,
    during: Duration,
    times: &RefCell<Vec<Duration>>,
) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(&asked.address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        asked.path, asked.address, asked.token
    );
    let mut buffer = Vec::with_capacity(1 << 17);
    for turn in 0_u32.. {
        let due = match pace {
            Pace::AsFastAsAnswered { .. } => Instant::now(),
            #[expect(clippy::cast_precision_loss, reason = "some dozen connections")]
            Pace::PerSecond { rate, connections } => {
                let nth = f64::from(turn) * connections as f64 + number as f64;
                began + Duration::from_secs_f64(nth / rate)
            }
        };
        if due >= began + during {
            break;
        }
        sleep_until(due.into()).await;
        stream.write_all(request.as_bytes()).await?;
        match answer(&mut stream, &mut buffer).await? {
            200 => times.borrow_mut().push(due.elapsed()),
            status => return Err(format!("{} answers {status}", asked.path).into()),
        }
    }
    Ok(())
}

/// Asks once, from an address of loopback's many, and gives the status and how long it took with its connection.
pub(crate) async fn post(to: &str, from: Ipv4Addr, path: &str, body: &str) -> Result<(u16, Duration), Failure> {
    let began = Instant::now();
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(to.parse()?).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nOrigin: http://{to}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let status = answer(&mut stream, &mut Vec::new()).await?;
    Ok((status, began.elapsed()))
}

/// Reads one answer to its end (RFC 9112, section 6.3: its length is in its head) and gives its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16, Failure> {
    buffer.clear();
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = std::str::from_utf8(&buffer[..end])?;
            let status = head.split(' ').nth(1).ok_or("an answer without a status")?.parse()?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
            });
            let length = length.ok_or("an answer without a length")??;
            while buffer.len() < end + 4 + length {
                read(stream, buffer).await?;
            }
            return Ok(status);
        }
        read(stream, buffer).await?;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    match stream.read_buf(buffer).await? {
        0 => Err("the panel hung up".into()),
        _ => Ok(()),
    }
}
