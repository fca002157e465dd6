//! Who is signed in proves once more who they are, by what a sign-in takes: the password, and a code where there is a
//! second factor. What that is asked for stands in `proof.rs` of the app.

use umbel_app::AppError;
use umbel_app::backend::Caller;

use super::Accounts;
use super::second_factor::{HALF, name_of};
use crate::oidc::SecondFactorBy;

/// By what an account proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Whether it has one that anybody knows.
    pub password: bool,
    /// Whether the sign-in provider may stand for it.
    pub linked: bool,
}

impl Accounts {
    pub async fn confirm_ways(&self, caller: &Caller) -> Result<Ways, AppError> {
        let link = self.oidc_link(caller).await?;
        Ok(Ways { password: link.as_ref().is_none_or(|link| !link.opened), linked: link.is_some() })
    }

    /// The password first: a wrong one uses no code up.
    pub async fn confirm(&self, caller: &Caller, password: String, code: Option<&str>) -> Result<(), AppError> {
        self.password_check(caller, "password", password).await?;
        match code {
            _ if !caller.account.second_factor => Ok(()),
            Some(code) => self.confirm_code(caller, code).await,
            None => Err(AppError::CodeNeeded),
        }
    }

    /// The rest of it, once the password or who stands for it was right.
    pub async fn confirm_code(&self, caller: &Caller, code: &str) -> Result<(), AppError> {
        self.code_used(&name_of(caller)?, caller.account.id, code, caller.came.address).await
    }

    /// Whether the provider's word of that time is waiting for a code still.
    pub fn owes_a_code(&self, half: Option<i64>) -> bool {
        half.is_some_and(|at| self.clock.now() - at < HALF)
    }
}

/// Whether a code is asked for after the provider's word.
pub fn code_after(caller: &Caller, by: SecondFactorBy) -> bool {
    caller.account.second_factor && by == SecondFactorBy::Panel
}
