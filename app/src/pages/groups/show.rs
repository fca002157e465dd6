//! A group: who is in it as what, and for administrators how that is changed.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use umbel_guest::{GroupId, GroupRole, PanelRight};

use super::list::kinds;
use crate::api::groups::{GroupChange, GroupRemove, MemberPut, MemberRemove, group_fetch};
use crate::api::missing;
use crate::api::quotas::{QuotaAsk, quota_of_group};
use crate::live::Live;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::quota::QuotaAndWishes;
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::shown::{GroupRoll, GroupShown, MemberShown, QuotaShown};
use crate::{AppError, paths};

/// What administrators may do with it.
#[derive(Clone, Copy)]
struct Actions {
    put: ServerAction<MemberPut>,
    remove: ServerAction<MemberRemove>,
    change: ServerAction<GroupChange>,
    end: ServerAction<GroupRemove>,
}

#[component]
pub fn GroupPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("group").and_then(|text| text.parse::<GroupId>().ok()));
    let changed = Live::expect().people();
    let actions = Actions {
        put: ServerAction::new(),
        remove: ServerAction::new(),
        change: ServerAction::new(),
        end: ServerAction::new(),
    };
    let roll = Resource::new(
        move || {
            let own = (actions.put.version().get(), actions.remove.version().get(), actions.change.version().get());
            (id.get(), changed.get(), own)
        },
        |(id, ..)| async move { group_fetch(id.ok_or_else(|| missing("group"))?).await },
    );
    let (guests, ask) = (Live::expect().guests(), ServerAction::<QuotaAsk>::new());
    let quota = Resource::new(
        move || (id.get(), changed.get(), guests.get(), ask.version().get()),
        |(id, ..)| async move { quota_of_group(id.ok_or_else(|| missing("group"))?).await },
    );
    let me = Me::expect();
    view! {
        <Failure error=failure(actions.remove) />
        <Failure error=failure(actions.end) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let manages = me.may(PanelRight::ManageGroups).await.is_ok();
                match roll.await {
                    Ok(roll) => view! { <Roll roll=roll actions=manages.then_some(actions) quota=quota ask=ask /> }.into_any(),
                    Err(error) => view! { <Title text="Group" /><Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Roll(
    roll: GroupRoll,
    actions: Option<Actions>,
    quota: Resource<Result<QuotaShown, AppError>>,
    ask: ServerAction<QuotaAsk>,
) -> impl IntoView {
    let GroupRoll { group, people } = roll;
    let words = match group.role {
        Some(GroupRole::Manager) => "You see its members and their guests, read their consoles, start and stop them.",
        Some(GroupRole::Member) => "Those who manage it see your guests, read their consoles, start and stop them.",
        None => "Those who manage it see the members' guests, read their consoles, start and stop them.",
    };
    let invites = actions.is_some() || group.role == Some(GroupRole::Manager);
    let invitations = paths::asking(paths::INVITATIONS, &[("group", &group.id.to_string())]);
    view! {
        <Title text=group.name.to_string() />
        <PageHead title=group.name.to_string() />
        <p class="meta">{format!("A {}. {words}", group.kind.word())} " " <a href=paths::GUESTS>"Guests"</a>
            {invites.then(|| view! { " " <a href=invitations>"Invite people"</a> })}
        </p>
        <MemberTable group=group.clone() people=people remove=actions.map(|actions| actions.remove) />
        <GroupQuota group=group.clone() quota=quota ask=ask />
        {actions.map(|actions| view! {
            <NewMember group=group.clone() put=actions.put />
            <Settings group=group actions=actions />
        })}
    }
    .into_any()
}

/// What the group owns, and what of it is left; whoever manages it may ask for more.
#[component]
fn GroupQuota(
    group: GroupShown,
    quota: Resource<Result<QuotaShown, AppError>>,
    ask: ServerAction<QuotaAsk>,
) -> impl IntoView {
    let (id, manages) = (group.id, group.role == Some(GroupRole::Manager));
    let owned = paths::asking(paths::GUESTS, &[("q", &format!("@{}", group.name))]);
    view! {
        <h2>"What belongs to the group"</h2>
        <p class="meta">
            "Its members use it; those who manage it own it. " <a href=owned>"Its guests"</a>
            {manages.then(|| view! { " " <a href=paths::GUEST_NEW>"New guest"</a> })}
        </p>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match quota.await {
                    Ok(quota) => view! { <QuotaAndWishes quota=quota group=Some(id) ask=manages.then_some(ask) /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn MemberTable(
    group: GroupShown,
    people: Vec<MemberShown>,
    remove: Option<ServerAction<MemberRemove>>,
) -> impl IntoView {
    if people.is_empty() {
        return view! { <p class="meta">"Nobody is in it yet."</p> }.into_any();
    }
    let rows = people
        .into_iter()
        .map(|member| view! { <MemberRow group=group.clone() member=member remove=remove /> })
        .collect_view();
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th><th>"As"</th><th class="number">"Guests"</th><th>"Since"</th>
                    {remove.map(|_| view! { <th><span class="visually-hidden">"Actions"</span></th> })}
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn MemberRow(group: GroupShown, member: MemberShown, remove: Option<ServerAction<MemberRemove>>) -> impl IntoView {
    let of_name = format!(" {}", member.name);
    let button = remove.map(|remove| {
        let pending = remove.pending();
        view! {
            <td class="row-actions">
                <ActionForm action=remove attr:class="inline">
                    <input type="hidden" name="group" value=group.id.to_string() />
                    <input type="hidden" name="account" value=member.account.to_string() />
                    <button
                        class="button danger"
                        type="submit"
                        title="Holds at once, also on pages and consoles that are open."
                        disabled=move || pending.get()
                    >
                        "Remove" <span class="visually-hidden">{of_name}</span>
                    </button>
                </ActionForm>
            </td>
        }
    });
    view! {
        <tr>
            <td data-label="Name">{member.name.clone()}</td>
            <td data-label="As">{member.role.title(group.kind)}</td>
            <td data-label="Guests" class="number">{member.guests.to_string()}</td>
            <td data-label="Since"><When at=member.since /></td>
            {button}
        </tr>
    }
    .into_any()
}

#[component]
fn NewMember(group: GroupShown, put: ServerAction<MemberPut>) -> impl IntoView {
    let (error, pending) = (failure(put), put.pending());
    let roles = GroupRole::ALL.map(|role| (role.word().to_owned(), role.title(group.kind).to_owned())).to_vec();
    view! {
        <section class="card">
            <h2>"Add a member"</h2>
            <Failure error=error fields=&["name", "role"] />
            <ActionForm action=put attr:class="form">
                <input type="hidden" name="group" value=group.id.to_string() />
                <TextField
                    name="name"
                    label="Account"
                    error=error
                    hint="Its name. One that is in the group already becomes what is chosen here."
                />
                <Choice name="role" label="As" options=roles chosen=GroupRole::Member.word() error=error />
                <button class="button primary" type="submit" disabled=move || pending.get()>"Add"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn Settings(group: GroupShown, actions: Actions) -> impl IntoView {
    let error = failure(actions.change);
    let (name, verb) = (group.name.to_string(), format!("Remove {}", group.name));
    let effect = format!(
        "Without {name} its members keep their accounts and their guests; whoever managed it reaches those no more. \
         While guests belong to {name} itself, it stays."
    );
    let (changing, ending) = (actions.change.pending(), actions.end.pending());
    view! {
        <section class="card">
            <h2>"Settings"</h2>
            <Failure error=error />
            <ActionForm action=actions.change attr:class="form">
                <input type="hidden" name="group" value=group.id.to_string() />
                <div class="field">
                    <label for="group-name">"Group's name"</label>
                    <input id="group-name" name="name" value=name autocomplete="off" />
                </div>
                <Choice name="kind" label="Kind" options=kinds() chosen=group.kind.word() error=error />
                <button class="button" type="submit" disabled=move || changing.get()>"Change"</button>
            </ActionForm>
            <p>{effect}</p>
            <ActionForm action=actions.end attr:class="inline">
                <input type="hidden" name="group" value=group.id.to_string() />
                <button class="button danger" type="submit" disabled=move || ending.get()>{verb}</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
