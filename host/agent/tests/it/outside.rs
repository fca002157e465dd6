//! The world outside: a network namespace beside the host's, joined to it by a pair of veths, with a
//! server that echoes and one that knows names. Gone with the value.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};

use crate::harness::{House, PATIENCE};

pub(crate) const ECHO: u16 = 7;
/// What every name is answered with.
pub(crate) const ANSWER: [u8; 4] = [192, 0, 2, 99];

pub(crate) struct Outside {
    /// The host's address there, and its own.
    pub(crate) host: Ipv4Addr,
    pub(crate) own: Ipv4Addr,
    veth: String,
    namespace: File,
    over: Arc<AtomicBool>,
    /// Who spoke to the echo.
    pub(crate) heard: Arc<Mutex<Vec<Ipv4Addr>>>,
}

impl Outside {
    pub(crate) fn new(house: &House) -> Self {
        let instance = house.layout.instance().as_str();
        let number = u32::from_str_radix(instance, 16).expect("hexadecimal") % (1 << 15);
        // 198.18.0.0/15 is for tests of networks (RFC 2544).
        let base = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number * 4;
        let (host, own) = (Ipv4Addr::from(base + 1), Ipv4Addr::from(base + 2));
        let namespace = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
            File::open("/proc/thread-self/ns/net").expect("there")
        });
        let namespace = namespace.join().expect("made");
        let veth = format!("o{instance}");
        let pid = std::process::id();
        let outside = Self { host, own, veth, namespace, over: Arc::default(), heard: Arc::default() };
        let veth = &outside.veth;
        outside.within(|| {
            ip(&format!("link add name out0 type veth peer name {veth} netns {pid}"));
            ip("link set dev lo up");
            ip(&format!("addr add {own}/30 dev out0"));
            ip("link set dev out0 up");
        });
        ip(&format!("addr add {host}/30 dev {veth}"));
        ip(&format!("link set dev {veth} up"));
        outside.serve();
        outside
    }

    /// Does something out there.
    pub(crate) fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let there = scope.spawn(|| {
                setns(&self.namespace, CloneFlags::CLONE_NEWNET).expect("entered");
                act()
            });
            there.join().expect("done")
        })
    }

    pub(crate) fn heard(&self) -> Vec<Ipv4Addr> {
        self.heard.lock().expect("whole").clone()
    }

    fn serve(&self) {
        let (echo, names) = self.within(|| {
            let echo = TcpListener::bind((Ipv4Addr::UNSPECIFIED, ECHO)).expect("listens");
            let names = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 53)).expect("listens");
            (echo, names)
        });
        echo.set_nonblocking(true).expect("set");
        let (over, heard) = (Arc::clone(&self.over), Arc::clone(&self.heard));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let Ok((mut stream, from)) = echo.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                if let std::net::IpAddr::V4(from) = from.ip() {
                    heard.lock().expect("whole").push(from);
                }
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let mut line = [0; 256];
                let length = stream.read(&mut line).unwrap_or_default();
                let _ = stream.write_all(&line[..length]);
            }
        });
        names.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
        let over = Arc::clone(&self.over);
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, from)) = names.recv_from(&mut question) else { continue };
                let _ = names.send_to(&answer(&question[..length]), from);
            }
        });
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = Command::new("/bin/ip").args(["link", "del", "dev", &self.veth]).status();
    }
}

/// The question with one address (RFC 1035, section 4.1); IPv6 has none.
fn answer(question: &[u8]) -> Vec<u8> {
    let is_v4 = question.len() > 4 && question[question.len() - 4..] == [0, 1, 0, 1];
    let mut answer = question.to_vec();
    answer[2..4].copy_from_slice(&[0x81, 0x80]);
    answer[6..12].copy_from_slice(&[0, u8::from(is_v4), 0, 0, 0, 0]);
    if is_v4 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(ANSWER);
    }
    answer
}

/// What a server says to somebody who says nothing.
pub(crate) fn greeting(of: SocketAddrV4) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&of.into(), Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    Some(said)
}

pub(crate) fn ip(line: &str) {
    let done = Command::new("/bin/ip").args(line.split(' ')).status().expect("iproute2");
    assert!(done.success(), "ip {line}");
}
