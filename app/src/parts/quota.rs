//! Quotas in words and tables.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::GroupId;
use umbel_guest::quota::{Kind, Rule, Standing, UNITS};

use super::badge::Mark;
use super::form::{Choice, TextField};
use super::loaded::{Failure, failure};
use super::table::Used;
use super::time::When;
use crate::AppError;
use crate::api::quotas::QuotaAsk;
use crate::shown::{QuotaRequestShown, QuotaRequestState, QuotaShown};

/// Every kind with what is used of it, its limit, and which rule the limit comes from.
#[component]
pub fn QuotaTable(standings: Vec<Standing>) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"Kind"</th><th class="number">"Used"</th><th class="number">"Limit"</th><th>"Why"</th></tr>
            </thead>
            <tbody>{standings.into_iter().map(|standing| view! { <QuotaRow standing=standing /> }).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn QuotaRow(standing: Standing) -> impl IntoView {
    let Standing { kind, used, limit } = standing;
    view! {
        <tr>
            <td data-label="Kind">{kind.title()}</td>
            <td data-label="Used" class="number">{kind.amount(used)}</td>
            <td data-label="Limit" class="number">
                <span class="amount">{most_words(kind, limit.most)}</span>
                {limit.most.map(|most| view! { <Used label=kind.title() used=used total=most /> })}
            </td>
            <td data-label="Why" class="meta">{limit.why.words()}</td>
        </tr>
    }
    .into_any()
}

/// Of an account or a group; without `ask`, more of it is not this reader's to ask for.
#[component]
pub fn QuotaAndWishes(
    quota: QuotaShown,
    #[prop(optional_no_strip)] group: Option<GroupId>,
    #[prop(into)] ask: Option<ServerAction<QuotaAsk>>,
) -> impl IntoView {
    let QuotaShown { standings, requests } = quota;
    let limited = standings.iter().filter(|standing| standing.limit.most.is_some());
    let kinds: Vec<Kind> = limited.map(|standing| standing.kind).collect();
    let form = ask.filter(|_| !kinds.is_empty()).map(|ask| {
        let error = failure(ask);
        view! {
            <Failure error=error fields=&["group", "kind", "wanted", "why"] />
            <AskForMore kinds=kinds group=group ask=ask error=error />
        }
    });
    view! {
        <QuotaTable standings=standings />
        <Wishes requests=requests />
        {form}
    }
    .into_any()
}

#[component]
fn Wishes(requests: Vec<QuotaRequestShown>) -> impl IntoView {
    let wish = |request: QuotaRequestShown| {
        let (shape, class, words) = state_words(request.state);
        view! {
            <li>
                <Mark shape=shape class=class words=words /> " "
                {format!("{}: {}", request.kind.title(), request.kind.amount(request.wanted))} " "
                <span class="meta"><When at=request.created_at /></span>
            </li>
        }
    };
    (!requests.is_empty()).then(|| view! { <ul>{requests.into_iter().map(wish).collect_view()}</ul> })
}

#[component]
fn AskForMore(
    kinds: Vec<Kind>,
    group: Option<GroupId>,
    ask: ServerAction<QuotaAsk>,
    error: Signal<Option<AppError>>,
) -> impl IntoView {
    view! {
        <details class="advanced">
            <summary>"Ask for more"</summary>
            <ActionForm action=ask attr:class="form">
                {group.map(|group| view! { <input type="hidden" name="group" value=group.to_string() /> })}
                <KindChoice kinds=kinds error=error />
                <TextField name="wanted" label="The limit you want" kind="number" error=error hint=UNITS />
                <TextField name="why" label="Why" error=error hint="An administrator reads it and decides." />
                <button class="button" type="submit">"Ask"</button>
            </ActionForm>
        </details>
    }
    .into_any()
}

pub fn most_words(kind: Kind, most: Option<u64>) -> String {
    most.map_or_else(|| "no limit".to_owned(), |most| kind.amount(most))
}

/// `2 of 10`, `2`, and a mark where the limit is the account's own.
pub fn standing_words(standing: &Standing) -> String {
    let Standing { kind, used, limit } = *standing;
    let own = if limit.why == Rule::Account { " (own)" } else { "" };
    match limit.most {
        Some(most) => format!("{} of {}{own}", kind.amount(used), kind.amount(most)),
        None => format!("{}{own}", kind.amount(used)),
    }
}

/// What is counted.
#[component]
pub fn KindChoice(kinds: Vec<Kind>, error: Signal<Option<AppError>>) -> impl IntoView {
    let chosen = kinds.first().map_or("", |kind| kind.word());
    let options = kinds.iter().map(|kind| (kind.word().to_owned(), kind_words(*kind))).collect();
    view! { <Choice name="kind" label="Kind" options=options chosen=chosen error=error /> }
}

fn kind_words(kind: Kind) -> String {
    kind.unit().word().map_or_else(|| kind.title().to_owned(), |unit| format!("{}, in {unit}", kind.title()))
}

pub fn state_words(state: QuotaRequestState) -> (&'static str, &'static str, &'static str) {
    match state {
        QuotaRequestState::Open => ("◐", "badge attention", "Not decided yet"),
        QuotaRequestState::Granted => ("●", "badge running", "Granted"),
        QuotaRequestState::Refused => ("◌", "badge stopped", "Refused"),
    }
}

#[cfg(test)]
mod tests {
    use umbel_guest::quota::Limit;

    use super::*;

    #[test]
    fn a_standing_is_used_of_a_limit_and_says_whose() {
        let limit = |most, why| Limit { most, why };
        let of = |limit| standing_words(&Standing { kind: Kind::Memory, used: 512, limit });
        assert_eq!(of(limit(Some(4096), Rule::Role)), "512 MiB of 4 GiB");
        assert_eq!(of(limit(Some(1024), Rule::Account)), "512 MiB of 1 GiB (own)");
        assert_eq!(of(limit(None, Rule::Nobody)), "512 MiB");
    }
}
