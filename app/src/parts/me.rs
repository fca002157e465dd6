use leptos::prelude::*;
use umbel_guest::{Denied, PanelRight, Right, allowed};

use crate::AppError;
use crate::api::accounts::account_me;
use crate::live::Live;
use crate::shown::AccountShown;

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

    pub async fn may(self, right: PanelRight) -> Result<(), Denied> {
        match self.0.await {
            Ok(me) => allowed(me.role, Right::Panel(right)),
            Err(_) => Err(Denied::Panel(right)),
        }
    }
}
