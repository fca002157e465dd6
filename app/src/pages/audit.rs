//! Who did what, on what, from where, and how it ended; the newest first. What is asked for stands in the
//! address, so that it works without scripts and can be sent to somebody.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::audit::audit_list;
use crate::parts::badge::Mark;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited};
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::shown::{AuditAction, AuditFilter, AuditKind, AuditOutcome, AuditPage as Page, AuditShown, AuditVia};
use crate::{AppError, paths};

/// Fields that the form shows an error beside.
const FIELDS: &[&str] = &["who", "action", "object", "outcome", "from", "to"];

#[component]
pub fn AuditPage() -> impl IntoView {
    let query = use_query_map();
    let filter = Memo::new(move |_| {
        query.with(|query| {
            let said = |name: &str| query.get(name).unwrap_or_default().trim().to_owned();
            AuditFilter {
                who: said("who"),
                action: said("action"),
                object: said("object"),
                outcome: said("outcome"),
                from: said("from"),
                to: said("to"),
                before: said("before"),
                limit: String::new(),
            }
        })
    });
    let rows = Resource::new(
        move || filter.get(),
        |asked| audit_list(asked.who, asked.action, asked.object, asked.outcome, asked.from, asked.to, asked.before),
    );
    view! {
        <Title text="Audit" />
        <PageHead title="Audit" />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let asked = filter.get_untracked();
                match rows.await {
                    Ok(page) => {
                        view! {
                            <Asked asked=asked.clone() error=None />
                            <Rows page=page asked=asked />
                        }
                            .into_any()
                    }
                    Err(error @ AppError::Invalid(_)) => view! { <Asked asked=asked error=Some(error) /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Asked(asked: AuditFilter, error: Option<AppError>) -> impl IntoView {
    let any = || (String::new(), "any".to_owned());
    let actions = std::iter::once(any())
        .chain(AuditAction::ALL.iter().map(|action| (action.word().to_owned(), action.title().to_owned())))
        .collect();
    let outcomes = std::iter::once(any())
        .chain(AuditOutcome::ALL.iter().map(|outcome| (outcome.word().to_owned(), outcome.title().to_owned())))
        .collect();
    let error = Signal::stored(error);
    view! {
        <Failure error=error fields=FIELDS />
        <form class="asked" method="get" action=paths::AUDIT role="search" aria-label="Filter the audit">
            <TextField name="who" label="Who" value=asked.who error=error />
            <Choice name="action" label="What" options=actions chosen=asked.action error=error />
            <TextField name="object" label="On what" value=asked.object error=error />
            <Choice name="outcome" label="Outcome" options=outcomes chosen=asked.outcome error=error />
            <TextField name="from" label="From (UTC)" kind="date" value=asked.from error=error />
            <TextField name="to" label="To (UTC)" kind="date" value=asked.to error=error />
            <div class="asked-actions">
                <button class="button primary" type="submit">"Filter"</button>
                <a class="button quiet" href=paths::AUDIT>"All"</a>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Rows(page: Page, asked: AuditFilter) -> impl IntoView {
    let of_all = AuditFilter { before: String::new(), ..asked.clone() };
    let export = |format: &str| address(paths::AUDIT_EXPORT, &of_all, Some(format));
    let at = |filter: &AuditFilter| address(paths::AUDIT, filter, None);
    let newest = (!asked.before.is_empty()).then(|| at(&of_all));
    let older = page.next.map(|next| at(&AuditFilter { before: next.to_string(), ..asked }));
    let empty = page.rows.is_empty();
    view! {
        {if empty {
            view! { <section class="empty"><p>"No row is like that."</p></section> }.into_any()
        } else {
            view! { <Table rows=page.rows /> }.into_any()
        }}
        <p class="pages">
            {newest.map(|to| view! { <a class="button" href=to>"Newest"</a> })}
            {older.map(|to| view! { <a class="button" href=to>"Older"</a> })}
            <a class="button quiet" href=export("csv") rel="external" download="audit.csv">"Export as CSV"</a>
            <a class="button quiet" href=export("jsonl") rel="external" download="audit.jsonl">"Export as JSON lines"</a>
        </p>
    }
    .into_any()
}

fn address(path: &str, filter: &AuditFilter, format: Option<&str>) -> String {
    let said = [
        ("format", format.unwrap_or_default()),
        ("who", &filter.who),
        ("action", &filter.action),
        ("object", &filter.object),
        ("outcome", &filter.outcome),
        ("from", &filter.from),
        ("to", &filter.to),
        ("before", &filter.before),
    ];
    paths::asking(path, &said)
}

#[component]
fn Table(rows: Vec<AuditShown>) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"Time"</th><th>"Who"</th><th>"What"</th><th>"On what"</th><th>"From"</th><th>"Outcome"</th></tr>
            </thead>
            <tbody>{rows.into_iter().map(|row| view! { <Row row=row /> }).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Row(row: AuditShown) -> impl IntoView {
    // A word of a newer panel is shown as it is.
    let action = AuditAction::of_word(&row.action).map_or(row.action, |known| known.title().to_owned());
    let kind = AuditKind::of_word(&row.kind).map_or(row.kind, |known| known.title().to_owned());
    let via = AuditVia::of_word(&row.via).map_or(row.via, |known| known.title().to_owned());
    let name = if row.object_name.is_empty() { row.object.clone() } else { row.object_name };
    let who = if row.name.is_empty() { "the panel".to_owned() } else { row.name };
    let from = if row.address.is_empty() { via } else { format!("{via}, {}", row.address) };
    view! {
        <tr>
            <td data-label="Time"><When at=row.at /> " " <span class="meta">{format!("#{}", row.number)}</span></td>
            <td data-label="Who">{who}</td>
            <td data-label="What">{action} <Small text=row.detail /></td>
            <td data-label="On what"><span title=row.object>{format!("{kind} {name}")}</span></td>
            <td data-label="From">{from}</td>
            <td data-label="Outcome"><Outcome word=row.outcome /> <Small text=row.reason /></td>
        </tr>
    }
    .into_any()
}

#[component]
fn Small(text: String) -> impl IntoView {
    (!text.is_empty()).then(|| view! { <span class="meta said">{text}</span> }).into_any()
}

#[component]
fn Outcome(word: String) -> impl IntoView {
    let (shape, class, words) = match AuditOutcome::of_word(&word) {
        Some(AuditOutcome::Allowed) => ("●", "badge running", "Allowed"),
        Some(AuditOutcome::Refused) => ("✕", "badge attention", "Refused"),
        Some(AuditOutcome::Failed) => ("▲", "badge failed", "Failed"),
        Some(AuditOutcome::Unknown) | None => ("◌", "badge stopped", "Unknown"),
    };
    view! { <Mark shape=shape class=class words=words /> }
}
