//! From causes to what a person is told. A cause is logged once, here, under a reference that the
//! person is given.

use std::error::Error;
use std::fmt::Write as _;

use rand::Rng as _;
use umbel_app::AppError;

use crate::store::StoreError;

/// Logs `cause` with all its sources and gives the error that names only a reference to them.
pub fn internal(cause: &(dyn Error + 'static)) -> AppError {
    let reference = format!("{:08x}", rand::rng().random::<u32>());
    tracing::error!(reference, cause = chain(cause), "something went wrong");
    AppError::Internal { reference }
}

/// An error and its sources in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Many errors repeat their source in their own text.
        let said = error.to_string();
        if !text.ends_with(&said) {
            write!(text, ": {said}").expect("writing to a String can't fail");
        }
        source = error.source();
    }
    text
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        if error.is_away() {
            tracing::warn!(cause = chain(&error), "the database can't be reached");
            return Self::Unavailable { message: "The database can't be reached. Try again in a moment.".into() };
        }
        if error.is_orphan() {
            // An account that was deleted while it asked.
            let message = "What this belongs to was deleted meanwhile.".into();
            return Self::Conflict { message };
        }
        internal(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(source: sqlx::Error) -> StoreError {
        StoreError::Failed { operation: "account_list", source }
    }

    #[test]
    fn a_database_that_is_away_may_be_asked_again() {
        let away = AppError::from(failed(sqlx::Error::PoolTimedOut));
        assert_eq!(away.status(), 503);
    }

    #[test]
    fn a_cause_stays_in_the_log() {
        let AppError::Internal { reference } = AppError::from(failed(sqlx::Error::RowNotFound)) else {
            panic!("not an internal error")
        };
        assert_eq!(reference.len(), 8);
        assert!(chain(&failed(sqlx::Error::RowNotFound)).starts_with("account_list failed: no rows"));
    }
}
