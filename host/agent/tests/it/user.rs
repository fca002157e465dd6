//! The personal profile: an agent of an ordinary user. As root the test takes a user that nobody is.

use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::unistd::Uid;
use umbel_guest::Exit;
use umbel_wire::agent::{Profile, Reply, Request, StopHow, VERSION};
use umbel_wire::frame;

use crate::console::Console;
use crate::harness::{Client, House, is_there, kernels_of, order, soon};

pub(crate) const NOBODYS: u32 = 1_500_000_001;
/// What a user that a user namespace doesn't know is called in it (user_namespaces(7)).
pub(crate) const UNMAPPED: &str = "65534";

#[test]
fn an_ordinary_user_has_guests_of_their_own() {
    let house = House::of_user(Uid::effective().is_root().then_some(NOBODYS));
    lives(&house, true);
}

/// The same where the host allows no user namespaces: made so inside of one that may have no other.
#[test]
fn without_namespaces_no_process_of_a_guest_is_left_either() {
    let user = if Uid::effective().is_root() { NOBODYS } else { Uid::effective().as_raw() };
    let mut house = House::of_user(Some(user));
    house.kill_agent();
    if Uid::effective().is_root() {
        // Seen from in there we are somebody that the agent has not heard of.
        let command = confined(&house, user, &[]);
        house.start(command);
        let mut stranger = Client(UnixStream::connect(house.layout.agent_socket()).expect("listens"));
        // It may have been hung up on before it has spoken.
        let _ =
            frame::write(&mut stranger.0, &frame::to_json(&Request::Hello { version: VERSION }).expect("plain data"));
        assert!(frame::read(&mut stranger.0).is_err(), "a stranger was heard");
        house.kill_agent();
    }
    let command = confined(&house, user, &["--panel-uid", UNMAPPED]);
    house.start(command);
    lives(&house, false);
}

pub(crate) fn confined(house: &House, user: u32, more: &[&str]) -> Command {
    let agent = house.command();
    let mut command = Command::new("unshare");
    let ids = [format!("--map-user={user}"), format!("--map-group={user}")];
    let forbid =
        "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all \"$@\"";
    command.args(["--user", "--keep-caps"]).args(ids).args(["sh", "-c", forbid, "sh"]);
    command.arg(agent.get_program()).arg("serve").args(house.places()).args(more);
    if Uid::effective().is_root() {
        command.uid(user).gid(user);
    }
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", house.layout.data()).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(house.log_file());
    command
}

fn lives(house: &House, namespaces: bool) {
    match house.connect().ask(&Request::Host {}) {
        Reply::Host(facts) => assert_eq!(facts.profile, Profile::Personal),
        other => panic!("{other:?}"),
    }
    let walls = house.walls();
    let uid = walls.iter().find(|wall| wall.name == "uid").expect("listed");
    assert!(!uid.state.stands() && uid.state.words().contains("trust"));
    let pid = walls.iter().find(|wall| wall.name == "pid namespace").expect("listed");
    assert_eq!(pid.state.stands(), namespaces, "{:?}", pid.state);
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(house, &order(guest, 2));
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
