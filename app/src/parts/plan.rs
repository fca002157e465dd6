//! What plans have alike, whatever is made by them itself: a snapshot, or a backup.

use leptos::prelude::*;
use umbel_guest::{Every, GuestRight};

use crate::AppError;
use crate::parts::form::{Choice, TextField};
use crate::parts::time::{Said, When};
use crate::shown::{GuestShown, PlanShown};

/// When the next one is `made`, and why the last one was not.
#[component]
pub fn PlanSaid(plan: Option<PlanShown>, made: &'static str) -> impl IntoView {
    plan.map(|plan| {
        let why = |why| format!("The last one was not {made}: {why}");
        view! {
            <p>
                {format!("The next one is {made} ")} <When at=plan.next_at said=Said::At />
                ", unless the guest did not run until then."
            </p>
            {plan.failed.map(why).map(|words| view! { <p class="notice attention">{words}</p> })}
        }
    })
    .into_any()
}

/// Names and words of a plan's two fields.
#[derive(Clone, Copy, Debug)]
pub struct PlanWords {
    pub every: &'static str,
    pub every_label: &'static str,
    pub keep: &'static str,
    pub keep_label: &'static str,
    pub keep_hint: &'static str,
}

/// How often, and how many are kept; `keep` unless a plan says it.
#[component]
pub fn PlanFields(
    guest: GuestShown,
    plan: Option<PlanShown>,
    keep: u32,
    words: PlanWords,
    #[prop(into)] error: Signal<Option<AppError>>,
    #[prop(into)] pending: Signal<bool>,
) -> impl IntoView {
    let refused = guest.access.may(GuestRight::Settings).err().map(|why| why.to_string());
    let disabled = refused.is_some();
    let chosen = plan.as_ref().map(|plan| plan.every.word()).unwrap_or_default();
    let keep = plan.as_ref().map_or(keep, |plan| plan.keep);
    let every = Every::ALL.into_iter().map(|every| (every.word().to_owned(), every.title().to_owned()));
    let options = std::iter::once((String::new(), "never".to_owned())).chain(every).collect();
    view! {
        <input type="hidden" name="guest" value=guest.id.to_string() />
        <fieldset disabled=disabled>
            <Choice name=words.every label=words.every_label options=options chosen=chosen error=error />
            <TextField
                name=words.keep
                label=words.keep_label
                kind="number"
                value=keep.to_string()
                hint=words.keep_hint
                error=error
            />
            <button class="button" type="submit" title=refused disabled=move || pending.get()>"Save"</button>
        </fieldset>
    }
    .into_any()
}
