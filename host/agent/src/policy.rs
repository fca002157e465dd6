//! What the agent accepts, decided without touching anything.

use umbel_guest::{Generation, Seen};
use umbel_wire::agent::Refusal;

/// An order must not be older than the newest that was heard for its guest.
pub fn check_generation(heard: Option<Generation>, asked: Generation) -> Result<(), Refusal> {
    match heard {
        Some(have) if asked < have => Err(Refusal::Stale { asked, have }),
        _ => Ok(()),
    }
}

/// What a start order means for a guest in this state.
#[derive(Debug, PartialEq, Eq)]
pub enum StartMeans {
    Boot,
    /// The very run that is asked for is there.
    Nothing,
}

pub fn check_start(seen: &Seen, running: Generation, asked: Generation) -> Result<StartMeans, Refusal> {
    match seen.is_alive() {
        false => Ok(StartMeans::Boot),
        true if running == asked => Ok(StartMeans::Nothing),
        true => Err(Refusal::StillRunning),
    }
}

pub fn check_purge(seen: &Seen) -> Result<(), Refusal> {
    if seen.is_alive() { Err(Refusal::StillRunning) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn generation(epoch: u32, number: u64) -> Generation {
        Generation { epoch, number }
    }

    proptest! {
        #[test]
        fn the_newest_order_heard_only_grows(orders in proptest::collection::vec((1u32..4, 1u64..6), 1..20)) {
            let mut heard = None;
            for (epoch, number) in orders {
                let asked = generation(epoch, number);
                if check_generation(heard, asked).is_ok() {
                    prop_assert!(heard <= Some(asked));
                    heard = Some(asked);
                }
            }
        }
    }

    #[test]
    fn a_start_is_repeatable_and_never_a_second_kernel() {
        let (g1, g2) = (generation(1, 1), generation(1, 2));
        assert_eq!(check_start(&Seen::Gone, g1, g2), Ok(StartMeans::Boot));
        assert_eq!(check_start(&Seen::Running { since: 0 }, g2, g2), Ok(StartMeans::Nothing));
        assert_eq!(check_start(&Seen::Stopping, g1, g2), Err(Refusal::StillRunning));
        assert_eq!(check_purge(&Seen::Starting), Err(Refusal::StillRunning));
    }

    #[test]
    fn an_older_panel_is_not_heard_until_its_epoch_is_newer() {
        let heard = Some(generation(1, 9));
        assert!(matches!(check_generation(heard, generation(1, 8)), Err(Refusal::Stale { .. })));
        assert_eq!(check_generation(heard, generation(2, 1)), Ok(()));
    }
}
