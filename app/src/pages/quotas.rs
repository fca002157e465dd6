//! Who may have how much, for administrators: wishes to decide about, defaults by role, every account and every group.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::QuotaRequestId;
use umbel_guest::quota::{Kind, Standing};

use crate::api::quotas::{QuotaDecide, QuotaSet, quota_list};
use crate::live::Live;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::quota::{KindChoice, most_words, standing_words};
use crate::parts::table::{PageHead, Sideways};
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{AccountQuotaShown, GroupQuotaShown, QuotaRequestShown, QuotasShown, RoleLimit, RoleQuotaShown};

#[component]
pub fn QuotasPage() -> impl IntoView {
    let (people, guests) = (Live::expect().people(), Live::expect().guests());
    let set = ServerAction::<QuotaSet>::new();
    let decide = ServerAction::<QuotaDecide>::new();
    let quotas = Resource::new(
        move || (people.get(), guests.get(), set.version().get(), decide.version().get()),
        |_| quota_list(),
    );
    view! {
        <Title text="Quotas" />
        <PageHead title="Quotas">
            <a class="button" href=paths::USAGE>"Usage"</a>
        </PageHead>
        <Failure error=failure(decide) />
        <Failure error=failure(set) fields=&["of", "kind", "limit"] />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match quotas.await {
                    Ok(quotas) => view! { <Quotas quotas=quotas set=set decide=decide /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Quotas(quotas: QuotasShown, set: ServerAction<QuotaSet>, decide: ServerAction<QuotaDecide>) -> impl IntoView {
    let QuotasShown { roles, accounts, of_groups, groups, requests } = quotas;
    let role = |role: &RoleQuotaShown| (role.role.word().to_owned(), format!("every {}", role.role.word()));
    let account = |account: &AccountQuotaShown| (account.account.to_string(), account.name.clone());
    let group = |group: &GroupQuotaShown| (format!("@{}", group.group), format!("@{}", group.name));
    let whose: Vec<(String, String)> = roles
        .iter()
        .map(role)
        .chain([("groups".to_owned(), "every group".to_owned())])
        .chain(accounts.iter().map(account))
        .chain(groups.iter().map(group))
        .collect();
    let defaults = roles.into_iter().map(|role| (role.role.word(), role.limits)).chain([("group", of_groups)]);
    let defaults =
        defaults.map(|(whose, limits)| (view! { <strong>{whose}</strong> }.into_any(), limit_cells(&limits)));
    let account = |account: AccountQuotaShown| {
        let name = view! { <strong>{account.name}</strong> " " <span class="meta">{account.role.word()}</span> };
        (name.into_any(), standing_cells(account.standings))
    };
    let group = |group: GroupQuotaShown| {
        let name = view! { <a href=paths::group(group.group)>{group.name.to_string()}</a> };
        (name.into_any(), standing_cells(group.standings))
    };
    view! {
        <h2>"Wishes for more"</h2>
        <Requests requests=requests decide=decide />
        <h2>"Defaults"</h2>
        <KindTable label="Defaults" whose="Whose" rows=defaults.collect() />
        <h2>"Accounts"</h2>
        <p class="meta">"Used of the limit. Where nothing else stands, the limit is the role's."</p>
        <KindTable label="Accounts" whose="Name" rows=accounts.into_iter().map(account).collect() />
        {(!groups.is_empty()).then(|| view! {
            <h2>"Groups"</h2>
            <p class="meta">"What belongs to a group counts here and with none of its members."</p>
            <KindTable label="Groups" whose="Name" rows=groups.into_iter().map(group).collect() />
        })}
        <SetLimit whose=whose set=set />
    }
    .into_any()
}

#[component]
fn Requests(requests: Vec<QuotaRequestShown>, decide: ServerAction<QuotaDecide>) -> impl IntoView {
    if requests.is_empty() {
        return view! { <p class="meta">"Nobody waits for a decision."</p> }.into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Who"</th><th>"Kind"</th><th class="number">"Wanted"</th><th>"Why"</th><th>"Since"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {requests.into_iter().map(|request| view! { <RequestRow request=request decide=decide /> }).collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn RequestRow(request: QuotaRequestShown, decide: ServerAction<QuotaDecide>) -> impl IntoView {
    let (id, who) = (request.id, request.account_name.clone());
    view! {
        <tr>
            <td data-label="Who">{request.account_name.clone()}</td>
            <td data-label="Kind">{request.kind.title()}</td>
            <td data-label="Wanted" class="number">{request.kind.amount(request.wanted)}</td>
            <td data-label="Why" class="prose">{request.why.clone()}</td>
            <td data-label="Since"><When at=request.created_at /></td>
            <td class="row-actions">
                <Decide request=id who=who.clone() granted=true decide=decide />
                <Decide request=id who=who granted=false decide=decide />
            </td>
        </tr>
    }
    .into_any()
}

#[component]
fn Decide(request: QuotaRequestId, who: String, granted: bool, decide: ServerAction<QuotaDecide>) -> impl IntoView {
    let (class, verb) = if granted { ("button primary", "Grant") } else { ("button", "Refuse") };
    view! {
        <ActionForm action=decide attr:class="inline">
            <input type="hidden" name="request" value=request.to_string() />
            <input type="hidden" name="granted" value=granted.to_string() />
            <button class=class type="submit">
                {verb} <span class="visually-hidden">{format!(" what {who} wants")}</span>
            </button>
        </ActionForm>
    }
    .into_any()
}

/// Whose a row is, and a cell for each kind.
#[component]
fn KindTable(label: &'static str, whose: &'static str, rows: Vec<(AnyView, AnyView)>) -> impl IntoView {
    let row = move |(name, cells)| view! { <tr><td data-label=whose>{name}</td>{cells}</tr> };
    let heads = Kind::ALL.into_iter().map(|kind| view! { <th class="number">{kind.title()}</th> });
    view! {
        <Sideways label=label>
            <table class="table cards">
                <thead><tr><th>{whose}</th>{heads.collect_view()}</tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </Sideways>
    }
    .into_any()
}

fn limit_cells(limits: &[RoleLimit]) -> AnyView {
    let most = |kind: Kind| limits.iter().find(|limit| limit.kind == kind).map(|limit| limit.most);
    let cell = |kind: Kind| view! { <td data-label=kind.title() class="number">{most_words(kind, most(kind))}</td> };
    Kind::ALL.into_iter().map(cell).collect_view().into_any()
}

fn standing_cells(standings: Vec<Standing>) -> AnyView {
    let cell = |standing: Standing| {
        view! {
            <td data-label=standing.kind.title() class="number" title=standing.limit.why.words()>
                {standing_words(&standing)}
            </td>
        }
    };
    standings.into_iter().map(cell).collect_view().into_any()
}

/// Of a role, an account, all groups or one, one kind at a time.
#[component]
fn SetLimit(whose: Vec<(String, String)>, set: ServerAction<QuotaSet>) -> impl IntoView {
    let error = failure(set);
    view! {
        <section class="card">
            <h2>"Set a limit"</h2>
            <p>"Lowered below what is used, a limit stops what is new and harms nothing."</p>
            <ActionForm action=set attr:class="form">
                <Choice name="of" label="Whose" options=whose chosen="user" error=error />
                <KindChoice kinds=Kind::ALL.to_vec() error=error />
                <TextField
                    name="limit"
                    label="Limit"
                    error=error
                    hint="A number, or none for as much as there is. Empty: an account's or a group's becomes the default again, a default is none."
                />
                <button class="button primary" type="submit">"Set"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
