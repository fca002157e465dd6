use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{GroupKind, PanelRight};

use crate::api::groups::{GroupCreate, group_list};
use crate::live::Live;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::GroupShown;

#[component]
pub fn GroupListPage() -> impl IntoView {
    let changed = Live::expect().people();
    let create = ServerAction::<GroupCreate>::new();
    let groups = Resource::new(move || (changed.get(), create.version().get()), |_| group_list());
    let me = Me::expect();
    view! {
        <Title text="Groups" />
        <PageHead title="Groups" />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let manages = me.may(PanelRight::ManageGroups).await.is_ok();
                let list = match groups.await {
                    Ok(groups) => view! { <GroupTable groups=groups manages=manages /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                };
                view! {
                    {list}
                    {manages.then(|| view! { <NewGroup create=create /> })}
                }
            })}
        </Transition>
    }
}

#[component]
fn GroupTable(groups: Vec<GroupShown>, manages: bool) -> impl IntoView {
    if groups.is_empty() {
        let words = if manages {
            "A class, a team or a tenant: whoever manages it sees its members and reaches their guests."
        } else {
            "You are in no group. Administrators put people into groups."
        };
        return view! { <section class="empty"><p>{words}</p></section> }.into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"Name"</th><th>"Kind"</th><th class="number">"Members"</th><th>"You are"</th></tr>
            </thead>
            <tbody>
                {groups
                    .into_iter()
                    .map(|group| view! {
                        <tr>
                            <td data-label="Name"><a href=paths::group(group.id)>{group.name.to_string()}</a></td>
                            <td data-label="Kind">{group.kind.word()}</td>
                            <td data-label="Members" class="number">{group.members.to_string()}</td>
                            <td data-label="You are">{group.role.map_or("not in it", |role| role.title(group.kind))}</td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// Kinds as a form offers them.
pub(super) fn kinds() -> Vec<(String, String)> {
    GroupKind::ALL.map(|kind| (kind.word().to_owned(), kind.word().to_owned())).to_vec()
}

#[component]
fn NewGroup(create: ServerAction<GroupCreate>) -> impl IntoView {
    let (error, pending) = (failure(create), create.pending());
    view! {
        <section class="card">
            <h2>"New group"</h2>
            <Failure error=error fields=&["name", "kind"] />
            <ActionForm action=create attr:class="form">
                <TextField name="name" label="Name" error=error hint="For example Networks 2026." />
                <Choice name="kind" label="Kind" options=kinds() chosen=GroupKind::Class.word() error=error />
                <button class="button primary" type="submit" disabled=move || pending.get()>"Create group"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
