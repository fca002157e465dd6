//! The host's network.

use std::fs::File;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use super::{Aim, Attack};
use crate::call::{Refused, address, call, refused, room, words};

pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("host-loopback", connect),
    ("host-address", connect),
    ("host-ports-seen", |aim| seen(aim, "/proc/self/net/tcp")),
    ("host-sockets-seen", |aim| seen(aim, "/proc/self/net/unix")),
    ("host-cards-seen", |aim| seen(aim, "/proc/self/net/dev")),
    ("abstract-socket", abstract_socket),
    ("sibling-tap", attach),
    ("new-tap", attach),
    ("raw-socket", |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)),
    ("packet-socket", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0x0300)),
    ("inet-socket", |_| socket(libc::AF_INET, libc::SOCK_DGRAM, 0)),
    ("netlink-socket", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW, 0)),
    ("vsock-socket", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
];

/// An address and a port where the tests listen.
fn connect(aim: &Aim<'_>) -> Result<(), Refused> {
    TcpStream::connect(aim.word(0)?).map(drop).map_err(|e| refused(&e))
}

fn seen(aim: &Aim<'_>, list: &str) -> Result<(), Refused> {
    let word = aim.word(0)?;
    words(list)?.contains(word).then_some(()).ok_or(libc::ENOENT)
}

fn socket(family: i32, kind: i32, protocol: i32) -> Result<(), Refused> {
    call(libc::SYS_socket, &[family, kind, protocol].map(|number| number.unsigned_abs() as usize)).map(drop)
}

/// A socket without a file: whoever shares the network namespace reaches it (unix(7)).
fn abstract_socket(aim: &Aim<'_>) -> Result<(), Refused> {
    let name = aim.word(0)?;
    let family = libc::AF_UNIX.unsigned_abs().to_ne_bytes();
    let socket_address = [&family[..2], b"\0", name.as_bytes()].concat();
    let [family, kind] = [libc::AF_UNIX, libc::SOCK_STREAM].map(|number| number.unsigned_abs() as usize);
    let socket = call(libc::SYS_socket, &[family, kind])?;
    call(libc::SYS_connect, &[socket, address(socket_address.as_slice()), socket_address.len()]).map(drop)
}

/// As a kernel attaches to its tap by name (kernel: networking/tuntap); one that isn't there would be made.
fn attach(aim: &Aim<'_>) -> Result<(), Refused> {
    const ATTACH: usize = 0x4004_54ca;
    const TAP_WITHOUT_HEADER: u16 = 0x1002;
    let node = File::options().read(true).write(true).open("/dev/net/tun").map_err(|e| refused(&e))?;
    let mut request = [0; 40];
    for (to, from) in request.iter_mut().zip(aim.word(0)?.bytes().take(15)) {
        *to = from;
    }
    request[16..18].copy_from_slice(&TAP_WITHOUT_HEADER.to_ne_bytes());
    call(libc::SYS_ioctl, &[node.as_raw_fd().unsigned_abs() as usize, ATTACH, room(&mut request)]).map(drop)
}
