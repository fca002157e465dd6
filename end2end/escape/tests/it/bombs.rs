//! Root in a guest takes everything that it can get; its neighbour goes on.

use umbel_wire::agent::StopHow;

use crate::console::Console;
use crate::corpus::Den;
use crate::harness::{kernels_of, order};

/// One after the other, each going on in the background.
const BOMBS: [(&str, &str); 7] = [
    ("messages", "while :; do echo flood >/proc/mconsole; done &"),
    ("disk", "dd if=/dev/zero of=/fill bs=64k 2>/dev/null &"),
    ("names", "i=0; while :; do : >/tmp/$i; i=$((i+1)); done &"),
    ("descriptors", "(i=3; while :; do eval \"exec $i</dev/null\"; i=$((i+1)); done) 2>/dev/null &"),
    (
        "memory",
        "dd if=/dev/zero of=/dev/null bs=200M 2>/dev/null & mount -t tmpfs -o size=1g none /mnt; dd if=/dev/zero of=/mnt/fill bs=64k 2>/dev/null &",
    ),
    ("console", "yes &"),
    ("processes", "bomb() { bomb | bomb & }; bomb"),
];

#[test]
fn a_neighbour_answers_beside_every_bomb_and_all_of_it_ends() {
    let den = Den::new();
    let (guest, neighbour) = (den.house.new_guest(), den.house.new_guest());
    let mut beside = Console::boot(&den.house, &order(neighbour, 2));
    let mut console = Console::boot(&den.house, &order(guest, 2));
    for (number, (name, line)) in BOMBS.iter().enumerate() {
        console.type_in(line);
        for round in 0..3 {
            beside.type_in(&format!("echo $(({number}*1000+{round}+7)){name}"));
            beside.until(&format!("\n{}{name}\r\n", number * 1000 + round + 7));
        }
    }
    // It may have ended by itself: out of memory.
    let _ = den.house.stop(guest, 3, StopHow::Kill);
    den.house.ended(guest);
    assert!(kernels_of(guest).is_empty());

    // A third one boots where it was.
    let third = den.house.new_guest();
    drop(Console::boot(&den.house, &order(third, 2)));
}
