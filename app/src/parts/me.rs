use leptos::prelude::*;

use crate::AppError;
use crate::api::accounts::account_me;
use crate::live::Live;
use crate::shown::{AccountShown, Role};

/// Who is signed in, asked once a page.
#[derive(Clone, Copy, Debug)]
pub struct Me(pub Resource<Result<AccountShown, AppError>>);

impl Me {
    pub fn provide() {
        let people = Live::expect().people();
        provide_context(Self(Resource::new(move || people.get(), |_| account_me())));
    }

    pub fn expect() -> Self {
        expect_context()
    }

    pub async fn is_administrator(self) -> bool {
        self.0.await.is_ok_and(|me| me.role == Role::Administrator)
    }
}
