//! The personal profile: an agent of an ordinary user. As root the test takes a user that nobody is.

use nix::unistd::Uid;
use umbel_guest::Exit;
use umbel_wire::agent::{Profile, Reply, Request, StopHow};

use crate::console::{Console, PROMPT};
use crate::harness::{House, is_there, kernels_of, soon};

const NOBODYS: u32 = 1_500_000_001;

#[test]
fn an_ordinary_user_has_guests_of_their_own() {
    let house = House::of_user(Uid::effective().is_root().then_some(NOBODYS));
    match house.connect().ask(&Request::Host {}) {
        Reply::Host(facts) => {
            assert_eq!(facts.profile, Profile::Personal);
            let uid = facts.walls.iter().find(|wall| wall.name == "uid").expect("listed");
            assert!(!uid.stands && uid.detail.contains("trust"));
        }
        other => panic!("{other:?}"),
    }
    house.prepare();
    let guest = house.new_guest();
    house.boot(guest, 2);
    let mut console = Console::of(&house, guest);
    console.until(PROMPT);
    console.type_in("ls -ld /bin /root; id -u; echo $((6*7))");
    assert!(!console.until("\n0\r\n").contains("150000000"), "every file is root's");
    console.until("42\r\n");
    house.stop(guest, 3, StopHow::ShutDown).expect("asked");
    assert_eq!(house.ended(guest), Exit::PoweredOff);

    house.boot(guest, 4);
    assert!(soon(crate::harness::PATIENCE, || !kernels_of(guest).is_empty()));
    let shim = house.shim(guest);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), nix::sys::signal::Signal::SIGKILL).expect("there");
    let gone = || !is_there(shim) && kernels_of(guest).is_empty();
    assert!(soon(std::time::Duration::from_secs(1), gone), "{:?} are left", kernels_of(guest));
    assert_eq!(house.ended(guest), Exit::ShimLost);
    house.purge(guest, 5).expect("gone");
}
