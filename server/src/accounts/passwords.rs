//! argon2id in a bounded pool: so many at a time, so many waiting, the rest is told to come again.
//!
//! The cost is OWASP's first recommendation for argon2id (19 MiB, 2 passes, 1 lane; Password Storage
//! Cheat Sheet): the least memory of its list, since the whole panel has a memory promise to keep
//! and every hash that runs takes that much. PHC strings carry their own cost, so that it can be
//! raised without a migration.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::{fmt, thread};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash};
use tokio::sync::{Semaphore, TryAcquireError, oneshot};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many may wait for a turn.
const QUEUE: usize = 32;
/// Longer ones are refused before anything is computed of them.
const MOST_BYTES: usize = 1024;
const LEAST_CHARACTERS: usize = 10;

/// Of the same cost as every other and matched by no password: what unknown names are checked
/// against, so that they take as long as known ones.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$dGhpcyBpcyBubyBoYXNoIG9mIGFueSBwYXNzd29yZCE";

/// Letters and digits that can't be taken for one another, 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A password as somebody typed it, within [`MOST_BYTES`]. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    #[error("A password has at most {MOST_BYTES} bytes.")]
    TooLong,
    #[error("A password has at least {LEAST_CHARACTERS} characters; this one has {characters}.")]
    TooShort { characters: usize },
}

impl Password {
    /// One to check against a hash. Old rules may have been other ones, so only its length is bounded.
    pub fn given(text: String) -> Result<Self, BadPassword> {
        if text.len() > MOST_BYTES { Err(BadPassword::TooLong) } else { Ok(Self(text)) }
    }

    /// One to be set.
    pub fn chosen(text: String) -> Result<Self, BadPassword> {
        let characters = text.chars().count();
        if characters < LEAST_CHARACTERS {
            return Err(BadPassword::TooShort { characters });
        }
        Self::given(text)
    }

    /// A first password out of 10 random bytes: 80 bits, in groups that can be read out.
    pub fn first(random: [u8; 10]) -> Self {
        let bits = random.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let mut text = String::with_capacity(19);
        for i in 0..16 {
            if i > 0 && i % 4 == 0 {
                text.push('-');
            }
            let index = usize::try_from((bits >> (5 * i)) & 31).expect("five bits");
            text.push(char::from(ALPHABET[index]));
        }
        Self(text)
    }

    /// For the one page that shows a first password.
    pub fn reveal(self) -> String {
        self.0
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many wait already.
    #[error("too many passwords are being checked")]
    Busy,
    #[error("argon2 failed: {0}")]
    Argon2(password_hash::Error),
    #[error("the pool is gone")]
    Gone,
}

type Work = Box<dyn FnOnce() + Send>;

/// The pool. Clones share it; its threads end with the last of them.
///
/// Threads of its own, since malloc keeps what a hash took for the thread that computed it: on tokio's, which are many, the
/// panel kept some hundred MiB.
#[derive(Clone)]
pub struct Passwords {
    work: mpsc::Sender<Work>,
    admitted: Arc<Semaphore>,
    argon2: Argon2<'static>,
    computed: Arc<AtomicU64>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("admitted", &self.admitted).finish_non_exhaustive()
    }
}

impl Passwords {
    /// One hash per two cores at a time, so that a storm of sign-ins leaves the panel its other half.
    pub fn new(cores: usize) -> Self {
        let at_once = (cores / 2).max(1);
        let (work, given) = mpsc::channel();
        let given = Arc::new(Mutex::new(given));
        for _ in 0..at_once {
            let given = given.clone();
            let worker = thread::Builder::new().name("passwords".into()).spawn(move || work_on(&given));
            drop(worker.expect("the system has threads"));
        }
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constants within argon2's bounds");
        Self {
            work,
            admitted: Arc::new(Semaphore::new(at_once + QUEUE)),
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            computed: Arc::default(),
        }
    }

    /// How many hashes have been computed, all of the same cost.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// The password's hash in PHC string format, with a salt of its own.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        let hash = move || argon2.hash_password(password.0.as_bytes()).map(|hash| hash.to_string());
        self.turn(hash).await?.map_err(HashError::Argon2)
    }

    /// Whether `password` is the one that `hash` was made of. Without a hash it is not, and that
    /// takes as long.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, HashError> {
        let argon2 = self.argon2.clone();
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let checked = self.turn(move || argon2.verify_password(password.0.as_bytes(), hash.as_str())).await?;
        match checked {
            Ok(()) => Ok(known),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(HashError::Argon2(error)),
        }
    }

    async fn turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => HashError::Busy,
            TryAcquireError::Closed => HashError::Gone,
        })?;
        let (tell, told) = oneshot::channel();
        let computed = self.computed.clone();
        let work = move || {
            let out = work();
            computed.fetch_add(1, Ordering::Relaxed);
            // Held by the work itself: whoever stops waiting does not make room for more.
            drop(admitted);
            // Nobody may be waiting any more.
            let _ = tell.send(out);
        };
        self.work.send(Box::new(work)).map_err(|_| HashError::Gone)?;
        told.await.map_err(|_| HashError::Gone)
    }
}

/// A turn after the other, until nobody can give one any more. One that panics is nobody else's.
fn work_on(given: &Mutex<mpsc::Receiver<Work>>) {
    loop {
        let next = given.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn given(text: &str) -> Password {
        Password::given(text.to_owned()).expect("short enough")
    }

    #[test]
    fn lengths_are_bounded_on_both_sides() {
        assert_eq!(Password::chosen("ä".repeat(9)), Err(BadPassword::TooShort { characters: 9 }));
        assert!(Password::chosen("ä".repeat(10)).is_ok());
        assert!(Password::chosen("x".repeat(1024)).is_ok());
        assert_eq!(Password::chosen("x".repeat(1025)), Err(BadPassword::TooLong));
        assert_eq!(Password::given("x".repeat(1025)), Err(BadPassword::TooLong));
        assert!(Password::given(String::new()).is_ok());
    }

    #[test]
    fn a_first_password_uses_all_its_bits_and_may_be_chosen() {
        assert_eq!(Password::first([0; 10]).reveal(), "aaaa-aaaa-aaaa-aaaa");
        assert_eq!(Password::first([255; 10]).reveal(), "9999-9999-9999-9999");
        let mut low = [0; 10];
        low[9] = 1;
        let mut high = [0; 10];
        high[0] = 0x80;
        assert_eq!(Password::first(low).reveal(), "baaa-aaaa-aaaa-aaaa");
        assert_eq!(Password::first(high).reveal(), "aaaa-aaaa-aaaa-aaas");
        assert!(Password::chosen(Password::first([7; 10]).reveal()).is_ok());
        assert_eq!(format!("{:?}", given("secret")), "Password");
    }

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let pool = Passwords::new(2);
        let hash = pool.hash(given("correct horse")).await.expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, pool.hash(given("correct horse")).await.expect("a hash"), "the salt is the same");
        assert!(pool.verify(given("correct horse"), Some(hash.clone())).await.expect("a check"));
        assert!(!pool.verify(given("correct horsf"), Some(hash)).await.expect("a check"));
        assert!(!pool.verify(given(""), None).await.expect("a check"));
    }

    #[tokio::test]
    async fn nobody_costs_what_somebody_costs() {
        // Its parameters decide the time, so they are compared and not the clock.
        let pool = Passwords::new(1);
        let hash = pool.hash(given("correct horse")).await.expect("a hash");
        let cost = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(&hash), cost(NOBODY));
        let lengths = |phc: &str| phc.split('$').skip(4).map(str::len).collect::<Vec<_>>();
        assert_eq!(lengths(&hash), lengths(NOBODY));
        let start = Instant::now();
        pool.verify(given("correct horse"), None).await.expect("a check");
        println!("one check took {:?}", start.elapsed());
    }

    #[tokio::test]
    async fn beyond_the_queue_the_answer_is_busy() {
        let pool = Passwords::new(1);
        let (free, wait) = mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.turn(move || wait.recv()).await }
        });
        while pool.admitted.available_permits() > QUEUE {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..QUEUE)
            .map(|i| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.turn(move || i).await })
            })
            .collect();
        while pool.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.hash(given("one too many")).await, Err(HashError::Busy)));
        free.send(()).expect("the first one waits");
        busy.await.expect("no panic").expect("a turn").expect("a word");
        for (i, task) in waiting.into_iter().enumerate() {
            assert_eq!(task.await.expect("no panic").expect("a turn"), i);
        }
        assert!(pool.hash(given("there is room again")).await.is_ok());
    }

    #[tokio::test]
    async fn a_turn_that_panics_is_gone_and_the_next_is_taken() {
        let pool = Passwords::new(1);
        assert!(matches!(pool.turn(|| panic!("as a test wants it")).await, Err::<(), _>(HashError::Gone)));
        assert!(pool.hash(given("the next one")).await.is_ok());
    }
}
