//! What everybody is told on every page, for administrators to say and to take back.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::PanelRight;

use crate::api::announcements::{AnnouncementClear, AnnouncementSet};
use crate::parts::announcement::Announced;
use crate::parts::form::{Choice, FieldError};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::shown::{AnnouncementLevel, AnnouncementShown};

#[component]
pub fn AnnouncementPage() -> impl IntoView {
    let (me, announced) = (Me::expect(), Announced::expect());
    let set = ServerAction::<AnnouncementSet>::new();
    let clear = ServerAction::<AnnouncementClear>::new();
    view! {
        <Title text="Announcement" />
        <PageHead title="Announcement" />
        <Failure error=failure(clear) />
        <Failure error=failure(set) fields=&["text", "level", "hours"] />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                if let Err(denied) = me.may(PanelRight::Announce).await {
                    return view! { <Problem error=crate::api::refused(denied) /> }.into_any();
                }
                match announced.0.await {
                    Ok(said) => view! { <Now said=said.clone() clear=clear /> <Say said=said set=set /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Now(said: Option<AnnouncementShown>, clear: ServerAction<AnnouncementClear>) -> impl IntoView {
    let Some(said) = said else {
        return view! { <p class="meta">"Nothing is announced."</p> }.into_any();
    };
    view! {
        <section class="card">
            <h2>"Announced now"</h2>
            <p>
                {match said.until {
                    Some(until) => view! { "Every page shows it until " <When at=until /> "." }.into_any(),
                    None => view! { "Every page shows it until it is taken back." }.into_any(),
                }}
            </p>
            <ActionForm action=clear>
                <button class="button" type="submit">"Take it back"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn Say(said: Option<AnnouncementShown>, set: ServerAction<AnnouncementSet>) -> impl IntoView {
    let error = failure(set);
    let level = said.as_ref().map(|said| said.level).unwrap_or_default();
    let levels = AnnouncementLevel::ALL.map(|level| (level.word().to_owned(), level.title().to_owned())).to_vec();
    let ends = [("", "it is taken back"), ("1", "an hour"), ("4", "4 hours"), ("24", "a day"), ("168", "a week")];
    let ends = ends.map(|(hours, words)| (hours.to_owned(), words.to_owned())).to_vec();
    view! {
        <section class="card">
            <h2>"Announce something"</h2>
            <p>"It stands on every page, also on the one for signing in: say nothing that strangers shall not read."</p>
            <ActionForm action=set attr:class="form">
                <div class="field">
                    <label for="text">"Text"</label>
                    <textarea id="text" name="text" rows="3" maxlength="500" aria-describedby="text-error">
                        {said.map(|said| said.text)}
                    </textarea>
                    <FieldError field="text" error=error />
                </div>
                <Choice name="level" label="Level" options=levels chosen=level.word() error=error />
                <Choice name="hours" label="Until, or for" options=ends chosen="" error=error />
                <button class="button primary" type="submit">"Announce"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
