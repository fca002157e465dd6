//! How often somebody may try. A bucket of tokens per account and one per address; each try takes
//! one of both, a success gives them back, time fills them again.
//!
//! An address may fail oftener than an account, since a class sits behind one; thirty people who
//! sign in at once are let in, as successes cost nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use umbel_guest::AccountName;

use crate::clock::{MINUTE, SECOND};

/// How many buckets are remembered. Full ones need not be, so only this many that are being used up.
const MOST_BUCKETS: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Rate {
    /// Tries in a row.
    burst: u32,
    /// µs until one more is allowed.
    refill: i64,
}

const ACCOUNT: Rate = Rate { burst: 10, refill: 30 * SECOND };
const ADDRESS: Rate = Rate { burst: 40, refill: 5 * SECOND };
/// A code has six digits and whoever tries them has the password already: slow enough that guessing is no way in.
const CODES: Rate = Rate { burst: 10, refill: 5 * MINUTE };
/// A class registers at once; whoever asks for names that are taken gets a try a minute after that.
const REGISTRATION: Rate = Rate { burst: 40, refill: MINUTE };

/// Whose tries are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Account(AccountName),
    /// The codes of its second factor.
    Codes(AccountName),
    /// An IPv4 address, or the /64 that one IPv6 user has (RFC 6177).
    Address(IpAddr),
    /// The same, where accounts are made.
    Registrations(IpAddr),
}

impl Who {
    fn at(address: IpAddr) -> Self {
        Self::Address(one_user(address))
    }

    fn rate(&self) -> Rate {
        match self {
            Self::Account(_) => ACCOUNT,
            Self::Codes(_) => CODES,
            Self::Address(_) => ADDRESS,
            Self::Registrations(_) => REGISTRATION,
        }
    }
}

fn one_user(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 => v4,
    }
}

/// A bucket as the time at which it is full again: empty when that is `burst` refills away.
type FullAt = i64;

/// All buckets, in memory: a restart of the panel forgives, which costs an attacker more time than
/// it gives.
#[derive(Clone, Debug, Default)]
pub struct RateLimit {
    full_at: Arc<Mutex<HashMap<Who, FullAt>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries")]
pub struct TooMany {
    pub retry_after_s: u64,
}

/// A try that was allowed; given back with [`Try::succeeded`].
#[derive(Debug)]
#[must_use]
pub struct Try {
    limit: RateLimit,
    taken: Vec<Who>,
}

impl RateLimit {
    /// Takes a token of each, or none. A name that can't be an account's counts for its address only.
    pub fn take(&self, account: Option<&AccountName>, address: Option<IpAddr>, now: i64) -> Result<Try, TooMany> {
        self.attempt(account.cloned().map(Who::Account).into_iter().chain(address.map(Who::at)).collect(), now)
    }

    /// A try of a code: one of the account's tries, and one of those that its codes have.
    pub fn take_code(&self, account: &AccountName, address: Option<IpAddr>, now: i64) -> Result<Try, TooMany> {
        let who = [Who::Account(account.clone()), Who::Codes(account.clone())];
        self.attempt(who.into_iter().chain(address.map(Who::at)).collect(), now)
    }

    fn attempt(&self, who: Vec<Who>, now: i64) -> Result<Try, TooMany> {
        Ok(Try { limit: self.clone(), taken: self.take_all(who, now)? })
    }

    /// A try to make an account, which counts whatever comes of it.
    pub fn register(&self, address: Option<IpAddr>, now: i64) -> Result<(), TooMany> {
        let who = address.map(|address| Who::Registrations(one_user(address)));
        self.take_all(who.into_iter().collect(), now).map(drop)
    }

    fn take_all(&self, who: Vec<Who>, now: i64) -> Result<Vec<Who>, TooMany> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = who.iter().map(|who| wait_for_token(who.rate(), full_at.get(who).copied(), now)).max();
        if let Some(wait @ 1..) = wait {
            let seconds = wait.unsigned_abs().div_ceil(SECOND.unsigned_abs());
            return Err(TooMany { retry_after_s: seconds });
        }
        for who in &who {
            make_room(&mut full_at, who, now);
            let at = full_at.entry(who.clone()).or_insert(now);
            *at = (*at).max(now) + who.rate().refill;
        }
        Ok(who)
    }
}

impl Try {
    /// It was no guess, so it costs nothing.
    pub fn succeeded(self) {
        let mut full_at = self.limit.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        for who in &self.taken {
            if let Some(at) = full_at.get_mut(who) {
                *at -= who.rate().refill;
            }
        }
    }
}

/// µs until a token is there; 0 if there is one now.
fn wait_for_token(rate: Rate, full_at: Option<FullAt>, now: i64) -> i64 {
    let missing = full_at.unwrap_or(now) - now;
    (missing - (i64::from(rate.burst) - 1) * rate.refill).max(0)
}

/// Forgets buckets that are full again; if all are in use, the one that is nearest to it.
fn make_room(full_at: &mut HashMap<Who, FullAt>, who: &Who, now: i64) {
    if full_at.len() < MOST_BUCKETS || full_at.contains_key(who) {
        return;
    }
    full_at.retain(|_, at| *at > now);
    if full_at.len() >= MOST_BUCKETS
        && let Some(least) = full_at.iter().min_by_key(|(_, at)| **at).map(|(who, _)| who.clone())
    {
        full_at.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn anna() -> AccountName {
        "anna".parse().expect("a name")
    }

    #[test]
    fn ten_wrong_passwords_and_then_one_in_half_a_minute() {
        let (limit, anna) = (RateLimit::default(), anna());
        for _ in 0..10 {
            let _ = limit.take(Some(&anna), Some(HOME), 0).expect("within the burst");
        }
        assert_eq!(limit.take(Some(&anna), Some(HOME), 0).expect_err("too many"), TooMany { retry_after_s: 30 });
        let almost = 30 * SECOND - 1;
        assert_eq!(limit.take(Some(&anna), Some(HOME), almost).expect_err("too early"), TooMany { retry_after_s: 1 });
        let _ = limit.take(Some(&anna), Some(HOME), 30 * SECOND).expect("one more");
        assert!(limit.take(Some(&anna), Some(HOME), 30 * SECOND).is_err());
        let berta = "berta".parse().expect("a name");
        let _ = limit.take(Some(&berta), Some(HOME), 0).expect("another account is not meant");
    }

    #[test]
    fn ten_wrong_codes_and_then_one_in_five_minutes_while_passwords_have_theirs() {
        let (limit, anna) = (RateLimit::default(), anna());
        for _ in 0..10 {
            let _ = limit.take_code(&anna, Some(HOME), 0).expect("within the burst");
        }
        let later = 10 * 30 * SECOND;
        limit.take_code(&anna, Some(HOME), later - 1).expect_err("too early");
        limit.take(Some(&anna), Some(HOME), later - 1).expect("a password may be tried").succeeded();
        limit.take_code(&anna, Some(HOME), later).expect("one more").succeeded();
        let _ = limit.take_code(&anna, Some(HOME), later).expect("the right one costs nothing");
        assert_eq!(limit.take_code(&anna, Some(HOME), later).expect_err("too many"), TooMany { retry_after_s: 300 });
    }

    #[test]
    fn forty_accounts_are_made_from_an_address_and_then_one_a_minute() {
        let limit = RateLimit::default();
        for _ in 0..40 {
            limit.register(Some(HOME), 0).expect("within the burst");
        }
        assert_eq!(limit.register(Some(HOME), 0), Err(TooMany { retry_after_s: 60 }));
        limit.register(Some(HOME), MINUTE).expect("one more");
        assert!(limit.register(Some(HOME), MINUTE).is_err());
        let _ = limit.take(None, Some(HOME), MINUTE).expect("sign-ins are counted apart");
    }

    #[test]
    fn a_refused_try_takes_nothing() {
        let (limit, anna) = (RateLimit::default(), anna());
        for _ in 0..10 {
            let _ = limit.take(Some(&anna), None, 0).expect("within the burst");
        }
        for _ in 0..100 {
            assert!(limit.take(Some(&anna), Some(HOME), 0).is_err());
        }
        let _ = limit.take(None, Some(HOME), 0).expect("the address has its tokens still");
    }

    #[test]
    fn a_class_behind_one_address_gets_in() {
        let limit = RateLimit::default();
        for i in 0..200 {
            let name = format!("student-{i}").parse().expect("a name");
            limit.take(Some(&name), Some(HOME), 0).expect("successes cost nothing").succeeded();
        }
    }

    #[test]
    fn neighbours_in_a_64_are_one_and_mapped_addresses_are_what_they_map() {
        let at = |text: &str| Who::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[test]
    fn memory_is_bounded_and_a_flood_of_names_forgives_nobody_at_the_limit() {
        let (limit, anna) = (RateLimit::default(), anna());
        for _ in 0..10 {
            let _ = limit.take(Some(&anna), None, 0).expect("within the burst");
        }
        for i in 0..MOST_BUCKETS + 500 {
            let name = format!("flood-{i}").parse().expect("a name");
            let _ = limit.take(Some(&name), None, 1).expect("each is new");
        }
        assert!(limit.full_at.lock().expect("not poisoned").len() <= MOST_BUCKETS);
        assert!(limit.take(Some(&anna), None, 1).is_err(), "anna was forgotten");
    }

    proptest! {
        #[test]
        fn no_more_than_burst_and_refill_ever_pass(steps in prop::collection::vec(0..20_i64, 1..200)) {
            let (limit, anna) = (RateLimit::default(), anna());
            let (mut now, mut passed) = (0, 0_i64);
            for step in steps {
                now += step * SECOND;
                passed += i64::from(limit.take(Some(&anna), None, now).is_ok());
                prop_assert!(passed <= i64::from(ACCOUNT.burst) + now / ACCOUNT.refill);
            }
        }
    }
}
