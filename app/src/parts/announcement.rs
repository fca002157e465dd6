use leptos::prelude::*;

use super::loaded::awaited;
use crate::AppError;
use crate::api::announcements::announcement_fetch;
use crate::live::Live;
use crate::shown::AnnouncementShown;

/// What everybody is told now, asked once a page.
#[derive(Clone, Copy, Debug)]
pub struct Announced(pub Resource<Result<Option<AnnouncementShown>, AppError>>);

impl Announced {
    pub fn provide() {
        let said = Live::expect().announcement();
        provide_context(Self(Resource::new(move || said.get(), |_| announcement_fetch())));
    }

    pub fn expect() -> Self {
        expect_context()
    }
}

/// Above every page.
#[component]
pub fn Announcement() -> impl IntoView {
    let announced = Announced::expect();
    view! {
        <Transition>
            {awaited(move || async move {
                announced.0.await.ok().flatten().map(|said| view! {
                    <p class=said.level.class() role="status"><strong>{said.level.title()}</strong>": "{said.text}</p>
                })
            })}
        </Transition>
    }
    .into_any()
}
