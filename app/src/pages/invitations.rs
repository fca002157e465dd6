//! Links by which people make accounts of their own.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use umbel_guest::quota::{Kind, Said, UNITS};
use umbel_guest::{GroupRole, PanelRight};

use crate::api::groups::group_list;
use crate::api::invitations::{InvitationCreate, InvitationRemove, invitation_list};
use crate::live::Live;
use crate::parts::form::{Choice, FieldError, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::once::ShownOnce;
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::shown::{GroupShown, InvitationShown, Role};

/// Days that a link may be good, to choose from.
const DAYS: [u32; 4] = [1, 7, 30, 90];

#[component]
pub fn InvitationsPage() -> impl IntoView {
    let changed = Live::expect().people();
    let create = ServerAction::<InvitationCreate>::new();
    let remove = ServerAction::<InvitationRemove>::new();
    let invitations =
        Resource::new(move || (changed.get(), create.version().get(), remove.version().get()), |_| invitation_list());
    let groups = Resource::new(move || changed.get(), |_| group_list());
    let query = use_query_map();
    let chosen = move || query.read_untracked().get("group").unwrap_or_default();
    let created = create.value();
    let me = Me::expect();
    view! {
        <Title text="Invitations" />
        <PageHead title="Invitations" />
        <p class="meta">
            "By a link, people make accounts of their own: you see no password of theirs. Whoever has the link comes in, \
             until it is used up, taken back, or its day has come."
        </p>
        <Failure error=failure(remove) />
        {move || created.get().and_then(Result::ok).map(|new| {
            let whom = if new.uses == 1 { "One person".to_owned() } else { format!("{} people", new.uses) };
            view! { <ShownOnce secret=new.link then=format!(" {whom} can come by it. It is shown only now.") /> }
        })}
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match invitations.await {
                    Ok(invitations) => view! { <InvitationTable invitations=invitations remove=remove /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        <Transition>
            {awaited(move || async move {
                let anybody = me.may(PanelRight::ManagePeople).await;
                let groups: Vec<GroupShown> = groups.await.unwrap_or_default();
                let own = |group: &GroupShown| anybody.is_ok() || group.role == Some(GroupRole::Manager);
                let groups: Vec<GroupShown> = groups.into_iter().filter(own).collect();
                match anybody {
                    Err(why) if groups.is_empty() => view! { <p class="notice">{why.to_string()}</p> }.into_any(),
                    anybody => view! {
                        <NewInvitationForm create=create groups=groups chosen=chosen() anybody=anybody.is_ok() />
                    }
                    .into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn InvitationTable(invitations: Vec<InvitationShown>, remove: ServerAction<InvitationRemove>) -> impl IntoView {
    if invitations.is_empty() {
        return view! { <section class="empty"><p>"Nobody is invited."</p></section> }.into_any();
    }
    let rows = invitations
        .into_iter()
        .map(|invitation| view! { <InvitationRow invitation=invitation remove=remove /> })
        .collect_view();
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"For"</th><th>"As"</th><th class="number">"Have come"</th><th>"Good until"</th><th>"By"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn InvitationRow(invitation: InvitationShown, remove: ServerAction<InvitationRemove>) -> impl IntoView {
    let pending = remove.pending();
    let whom = if invitation.note.is_empty() { "no note".to_owned() } else { invitation.note.clone() };
    let of_whom = format!(" {whom}");
    let class = if invitation.note.is_empty() { "meta" } else { "" };
    let group = invitation.group.map(|group| format!(", into {} as {}", group.name, group.role.word()));
    let limits = invitation.limits.iter().map(|limit| match limit.limit {
        Said::AtMost(most) => format!(", {}: {}", limit.kind.title(), limit.kind.amount(most)),
        Said::NoLimit => format!(", {}: no limit", limit.kind.title()),
    });
    let as_what = format!("{}{}{}", invitation.role.word(), group.unwrap_or_default(), limits.collect::<String>());
    let (until, over) = (invitation.expires_at, invitation.over);
    view! {
        <tr>
            <td data-label="For"><span class=class>{whom}</span></td>
            <td data-label="As">{as_what}</td>
            <td data-label="Have come" class="number">{format!("{} of {}", invitation.used, invitation.uses)}</td>
            <td data-label="Good until">
                <span><When at=until /> {over.then(|| view! { " " <span class="meta">"over"</span> })}</span>
            </td>
            <td data-label="By">{invitation.by}</td>
            <td class="row-actions">
                <ActionForm action=remove attr:class="inline">
                    <input type="hidden" name="invitation" value=invitation.id.to_string() />
                    <button class="button" type="submit" title="Nobody comes by it any more; who has come stays."
                        disabled=move || pending.get()>
                        "Take back" <span class="visually-hidden">{of_whom}</span>
                    </button>
                </ActionForm>
            </td>
        </tr>
    }
    .into_any()
}

#[component]
fn NewInvitationForm(
    create: ServerAction<InvitationCreate>,
    groups: Vec<GroupShown>,
    /// The group's id, or nothing.
    chosen: String,
    /// Whether anybody may be invited, and not just users into one's groups.
    anybody: bool,
) -> impl IntoView {
    let (error, pending) = (failure(create), create.pending());
    let days = DAYS.map(|days| (days.to_string(), if days == 1 { "1 day".into() } else { format!("{days} days") }));
    let none = anybody.then(|| (String::new(), "no group".to_owned()));
    let groups: Vec<_> =
        none.into_iter().chain(groups.into_iter().map(|g| (g.id.to_string(), g.name.to_string()))).collect();
    view! {
        <section class="card">
            <h2>"New invitation"</h2>
            <Failure error=error fields=&["role", "group_role", "uses", "days", "note", "limits"] />
            <ActionForm action=create attr:class="form">
                <TextField name="note" label="For" error=error hint="Whom it is for; only this list tells." />
                <TextField name="uses" label="How many can come" kind="number" value="1" error=error />
                <Choice name="days" label="Good for" options=days.to_vec() chosen="7" error=error />
                <Choice name="group" label="Into" options=groups chosen=chosen error=error />
                {anybody.then(|| view! { <AsWhat error=error /> })}
                <button class="button primary" type="submit" disabled=move || pending.get()>"Make a link"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// What only administrators say.
#[component]
fn AsWhat(#[prop(into)] error: Signal<Option<crate::AppError>>) -> impl IntoView {
    let roles = Role::ALL.map(|role| (role.word().to_owned(), role.word().to_owned())).to_vec();
    let in_group = GroupRole::ALL.map(|role| (role.word().to_owned(), role.word().to_owned())).to_vec();
    let limits = Kind::ALL
        .map(|kind| {
            let field = format!("limit-{}", kind.word());
            view! {
                <div class="field">
                    <label for=field.clone()>{kind.title()}</label>
                    <input id=field name=format!("limits[{}]", kind.word()) inputmode="numeric" autocomplete="off" />
                </div>
            }
        })
        .collect_view();
    view! {
        <Choice name="group_role" label="In the group" options=in_group chosen=GroupRole::Member.word() error=error />
        <Choice name="role" label="Role" options=roles chosen=Role::User.word() error=error />
        <details>
            <summary>"Own limits"</summary>
            <p class="meta">"What is empty is as for everybody of that role. " {UNITS}</p>
            {limits}
            <FieldError field="limits" error=error />
        </details>
    }
    .into_any()
}
