use proptest::prelude::*;
use umbel_guest::{DiskSize, GuestId, GuestSpec, Memory};
use uuid::Uuid;

use super::super::carry_out::{Started, started, written};
use super::*;

const NOW: i64 = 1_000_000 * SECOND;
const GRACE: i64 = 30 * SECOND;

const NOTHING: Sight<'static> = Sight { facts: None, fresh: false };

fn sight(facts: Option<&GuestFacts>) -> Sight<'_> {
    Sight { facts, fresh: true }
}

fn generation(number: u64) -> Generation {
    Generation { epoch: 1, number }
}

fn guest(wanted: Wanted, seen: Seen, number: u64, policy: RestartPolicy) -> Guest {
    Guest {
        id: GuestId(Uuid::nil()),
        host: crate::store::meta::HostId(Uuid::nil()),
        owner: umbel_guest::AccountId(Uuid::nil()),
        owner_name: "anna".into(),
        network: None,
        spec: GuestSpec {
            name: "web".parse().expect("a name"),
            note: umbel_guest::Note::default(),
            image: "tiny-5".parse().expect("a slug"),
            kernel: "k".parse().expect("a slug"),
            memory: Memory::DEFAULT,
            disk: DiskSize::DEFAULT,
            disk_kind: umbel_guest::DiskKind::Cow,
            restart_policy: policy,
            autostart: true,
            mode: umbel_guest::KernelMode::Strict,
            clock: umbel_guest::Clock::Real,
            network: umbel_guest::Attachment::None,
            limits: umbel_guest::Limits::default(),
        },
        number: None,
        boot: umbel_guest::Boot::Normal,
        limits_heard: true,
        disk_ready: true,
        wanted,
        generation: generation(number),
        seen,
        seen_generation: generation(number),
        failures: 0,
        next_try_at: None,
        kill_at: None,
        waiting: None,
        created_at: NOW,
    }
}

fn ended(exit: Exit, policy: RestartPolicy) -> Option<Action> {
    let guest = guest(Wanted::Running, Seen::Ended { at: NOW, exit }, 5, policy);
    next(&guest, NOTHING, Some(Room { free_mib: 100 }), NOW, GRACE)
}

fn stays() -> Option<Action> {
    Some(Action::Settle { wanted: Wanted::Stopped, failures: 0, next_try_at: None })
}

fn again_at(at: Option<i64>) -> Option<Action> {
    let failures = 1;
    Some(Action::Settle { wanted: Wanted::Running, failures, next_try_at: at })
}

#[test]
fn an_end_that_nobody_asked_for_follows_the_policy() {
    use RestartPolicy::{Always, Never, OnFailure};
    let crash = || Exit::Crashed { signal: 6 };
    let soon = Some(NOW + SECOND);
    assert_eq!(ended(crash(), Never), stays());
    assert_eq!(ended(crash(), OnFailure), again_at(soon));
    assert_eq!(ended(Exit::PoweredOff, Never), stays());
    assert_eq!(ended(Exit::PoweredOff, OnFailure), stays());
    assert_eq!(ended(Exit::PoweredOff, Always), again_at(soon));
    assert_eq!(ended(Exit::NotStarted { reason: "no".into() }, Never), stays());
    for policy in [Never, OnFailure, Always] {
        assert_eq!(ended(Exit::Rebooted, policy), again_at(None));
        assert_eq!(ended(Exit::ShimLost, policy), again_at(soon));
        let unharmed = Action::Settle { wanted: Wanted::Running, failures: 0, next_try_at: None };
        assert_eq!(ended(Exit::HostRestarted, policy), Some(unharmed));
    }
}

#[test]
fn a_guest_that_is_not_to_come_back_with_the_host_stays_down_with_it_and_only_then() {
    let end = |exit| {
        let seen = Seen::Ended { at: NOW, exit };
        let mut row = guest(Wanted::Running, seen, 1, RestartPolicy::Always);
        row.spec.autostart = false;
        next(&row, NOTHING, Some(Room { free_mib: 100 }), NOW, GRACE)
    };
    assert_eq!(end(Exit::HostRestarted), stays());
    assert_eq!(end(Exit::ShimLost), again_at(Some(NOW + SECOND)));
}

#[test]
fn pauses_double_up_to_a_minute() {
    let seconds: Vec<i64> = (1..=9).map(|failures| pause(failures) / SECOND).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
}

#[test]
fn an_end_of_an_older_start_is_history() {
    let mut row = guest(Wanted::Running, Seen::Ended { at: NOW, exit: Exit::PoweredOff }, 5, RestartPolicy::Never);
    row.generation = generation(6);
    assert_eq!(next(&row, NOTHING, Some(Room { free_mib: 64 }), NOW, GRACE), Some(Action::Start));
}

#[test]
fn what_is_seen_of_an_older_start_is_not_believed() {
    let row = guest(Wanted::Running, Seen::Starting, 5, RestartPolicy::Never);
    let seen = Seen::Ended { at: NOW, exit: Exit::PoweredOff };
    let facts =
        GuestFacts { guest: row.id, generation: generation(4), seen, has_disk: true, said: Vec::new(), setup: None };
    assert_eq!(next(&row, Sight { facts: Some(&facts), fresh: false }, None, NOW, GRACE), None);
}

#[test]
fn a_guest_without_room_waits_and_says_for_what() {
    let row = guest(Wanted::Running, Seen::Gone, 5, RestartPolicy::Never);
    let Some(Action::Wait { why }) = next(&row, NOTHING, Some(Room { free_mib: 63 }), NOW, GRACE) else {
        panic!("no wait")
    };
    assert_eq!(why, "Waiting for memory: it needs 64 MiB, 63 MiB are free.");
    let waiting = Guest { waiting: Some(why), ..row };
    assert_eq!(next(&waiting, NOTHING, Some(Room { free_mib: 63 }), NOW, GRACE), None, "said once");
    assert_eq!(next(&waiting, NOTHING, Some(Room { free_mib: 64 }), NOW, GRACE), Some(Action::Start));
    assert_eq!(Room::of(1024, 100, 900, 1000), Room { free_mib: 24 }, "promised memory counts before it is touched");
    assert_eq!(Room::of(1024, 200, 900, 1000), Room { free_mib: 900 }, "what is really there is the most");
    assert_eq!(Room::of(1024, 50, 900, 1000), Room { free_mib: 0 });
}

#[test]
fn patience_with_a_shut_down_ends_in_a_kill() {
    let running = Seen::Running { since: NOW };
    let mut row = guest(Wanted::Stopped, running, 5, RestartPolicy::Never);
    let asked = next(&row, sight(facts_like(&row).as_ref()), None, NOW, GRACE);
    assert_eq!(asked, Some(Action::ShutDown { kill_at: NOW + GRACE }));
    row.kill_at = Some(NOW + GRACE);
    let facts = facts_like(&row);
    assert_eq!(next(&row, sight(facts.as_ref()), None, NOW + GRACE - 1, GRACE), None);
    assert_eq!(look_again_at(&row, NOW), Some(NOW + GRACE));
    assert!(matches!(next(&row, sight(facts.as_ref()), None, NOW + GRACE, GRACE), Some(Action::Kill { .. })));
}

fn facts_like(row: &Guest) -> Option<GuestFacts> {
    Some(GuestFacts {
        guest: row.id,
        generation: row.seen_generation,
        seen: row.seen.clone(),
        has_disk: true,
        said: Vec::new(),
        setup: None,
    })
}

fn any_seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        Just(Seen::Gone),
        Just(Seen::Starting),
        Just(Seen::Running { since: NOW - SECOND }),
        Just(Seen::Running { since: NOW - 2 * STEADY }),
        Just(Seen::Stopping),
        any_exit().prop_map(|exit| Seen::Ended { at: NOW - SECOND, exit }),
    ]
}

fn any_exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        Just(Exit::PoweredOff),
        Just(Exit::Rebooted),
        Just(Exit::Crashed { signal: 6 }),
        Just(Exit::Failed { status: 1 }),
        Just(Exit::Killed),
        Just(Exit::ShimLost),
        Just(Exit::HostRestarted),
        Just(Exit::NotStarted { reason: "no".into() }),
    ]
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        Just(Wanted::Stopped),
        Just(Wanted::Running),
        Just(Wanted::Deleted { purge_at: NOW - 1 }),
        Just(Wanted::Deleted { purge_at: NOW + 100 * SECOND }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]
    /// From any row and any host, with a guest that obeys a shut-down or doesn't: a pass has an end, a
    /// second pass at the same time has nothing to do, and with time the host is as wanted.
    #[test]
    fn it_converges_from_anywhere(
        wanted in any_wanted(), seen in any_seen(), host_seen in proptest::option::of((any_seen(), 0u64..9)),
        number in 1u64..9, seen_number in 0u64..9, policy in 0usize..3, failures in 0u32..9,
        next_try in proptest::option::of(-9i64..90), kill in proptest::option::of(-9i64..90), obeys in any::<bool>(),
    ) {
        let mut row = guest(wanted, seen, number, RestartPolicy::ALL[policy]);
        row.seen_generation = generation(seen_number);
        row.failures = failures;
        row.next_try_at = next_try.map(|s| NOW + s * SECOND);
        row.kill_at = kill.map(|s| NOW + s * SECOND);
        let mut facts = host_seen.map(|(seen, number)| GuestFacts { guest: row.id, generation: generation(number), seen, has_disk: true, said: Vec::new(), setup: None });
        let (mut now, mut purged) = (NOW, false);
        for _ in 0..40 {
            let mut actions = 0;
            while let Some(action) = next(&row, sight(facts.as_ref()), Some(Room { free_mib: 64 }), now, GRACE) {
                actions += 1;
                prop_assert!(actions <= 6, "no end with {action:?} for {row:?} on {facts:?}");
                let after = row.generation.max(row.seen_generation).next();
                let run = facts.as_ref().map_or(row.seen_generation, |f| f.generation);
                let end = |exit| Some(GuestFacts { guest: row.id, generation: run, seen: Seen::Ended { at: now, exit }, has_disk: true, said: Vec::new(), setup: None });
                match &action {
                    Action::Start => {
                        prop_assert!(!facts.as_ref().is_some_and(|f| f.seen.is_alive() && f.generation >= row.seen_generation), "a second kernel");
                        facts = Some(GuestFacts { guest: row.id, generation: row.generation, seen: Seen::Running { since: now }, has_disk: true, said: Vec::new(), setup: None });
                        started(&mut row, Started::Yes, now);
                    }
                    Action::ShutDown { .. } if obeys => facts = end(Exit::PoweredOff),
                    Action::Kill { .. } => facts = end(Exit::Killed),
                    Action::Purge { .. } => purged = true,
                    _ => {}
                }
                written(&mut row, &action, after);
                if purged {
                    return Ok(());
                }
            }
            match look_again_at(&row, now) {
                Some(at) => {
                    prop_assert!(at > now, "it would spin: {row:?}");
                    now = at;
                }
                None => break,
            }
        }
        match row.wanted {
            Wanted::Running => prop_assert!(row.seen.is_alive(), "{row:?}"),
            Wanted::Stopped => prop_assert!(!row.seen.is_alive(), "{row:?}"),
            Wanted::Deleted { .. } => prop_assert!(purged, "{row:?}"),
        }
    }
}
