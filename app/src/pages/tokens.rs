//! One's tokens, on the account page.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{PanelRight, Right, allowed};

use crate::api::groups::group_list;
use crate::api::tokens::{TokenCreate, TokenRemove, token_list};
use crate::live::Live;
use crate::parts::form::{Choice, FieldError, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::once::ShownOnce;
use crate::parts::time::When;
use crate::paths;
use crate::shown::{Role, Scope, TokenShown};

/// Days that a token may be good, to choose from.
const DAYS: [u32; 4] = [7, 30, 90, 366];

#[component]
pub fn Tokens() -> impl IntoView {
    let me = Me::expect();
    let changed = Live::expect().people();
    let create = ServerAction::<TokenCreate>::new();
    let remove = ServerAction::<TokenRemove>::new();
    let tokens =
        Resource::new(move || (changed.get(), create.version().get(), remove.version().get()), |_| token_list());
    let groups = Resource::new(move || changed.get(), |_| group_list());
    let created = create.value();
    view! {
        <h2>"Tokens"</h2>
        <p class="meta">
            "A program comes in with a token, in the header " <code>"Authorization: Bearer …"</code>
            ", and may do what its scopes open and you may do yourself. "
            // Not one of the app's own pages.
            <a href=paths::API_PAGE rel="external">"What can be asked"</a>
        </p>
        <Failure error=failure(remove) />
        {move || created.get().and_then(Result::ok).map(|new| view! {
            <ShownOnce secret=new.token then=" It is shown only now.">"The token " <strong>{new.name}</strong> ": "</ShownOnce>
        })}
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match tokens.await {
                    Ok(tokens) => view! { <TokenTable tokens=tokens remove=remove /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let groups = groups.await.unwrap_or_default();
                let role = me.0.await.ok()?.role;
                let own = groups.into_iter().filter(|group| group.role.is_some());
                let own = own.map(|group| (group.id.to_string(), format!("the guests of {}", group.name))).collect();
                Some(view! { <NewTokenForm role=role groups=own create=create /> })
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn TokenTable(tokens: Vec<TokenShown>, remove: ServerAction<TokenRemove>) -> impl IntoView {
    if tokens.is_empty() {
        return view! { <p class="meta">"You have no token."</p> }.into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th><th>"Scopes"</th><th>"Last used"</th><th>"Good until"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {tokens
                    .into_iter()
                    .map(|token| {
                        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.word()).collect();
                        let of_name = format!(" {}", token.name);
                        view! {
                            <tr>
                                <td data-label="Name">
                                    {token.name}
                                    {token.group_name.map(|name| view! { <span class="meta">{format!(" @{name}")}</span> })}
                                </td>
                                <td data-label="Scopes">{scopes.join(", ")}</td>
                                <td data-label="Last used">
                                    {match token.last_used_at {
                                        Some(at) => view! { <When at=at /> }.into_any(),
                                        None => view! { <span class="meta">"never"</span> }.into_any(),
                                    }}
                                </td>
                                <td data-label="Good until"><When at=token.expires_at /></td>
                                <td class="row-actions">
                                    <ActionForm action=remove attr:class="inline">
                                        <input type="hidden" name="token" value=token.id />
                                        <button class="button" type="submit" title="Ends at once whatever came in with it">
                                            "Remove" <span class="visually-hidden">{of_name}</span>
                                        </button>
                                    </ActionForm>
                                </td>
                            </tr>
                        }
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn NewTokenForm(role: Role, groups: Vec<(String, String)>, create: ServerAction<TokenCreate>) -> impl IntoView {
    let good = std::iter::once((String::new(), "all that is yours".to_owned())).chain(groups).collect::<Vec<_>>();
    let error = failure(create);
    let days = DAYS.map(|days| (days.to_string(), format!("{days} days"))).to_vec();
    view! {
        <section class="card">
            <h2>"New token"</h2>
            <Failure error=error fields=&["name", "group", "scopes", "days"] />
            <ActionForm action=create attr:class="form">
                <TextField name="name" label="Name" error=error hint="What uses it, as “backup of the web guests”." />
                {(good.len() > 1).then(|| view! { <Choice name="group" label="With" options=good chosen="" error=error /> })}
                <fieldset class="field">
                    <legend>"What it may do"</legend>
                    <div class="choice-cards wide">
                        {Scope::ALL.into_iter().map(|scope| view! { <ScopeCard scope=scope role=role /> }).collect_view()}
                    </div>
                    <FieldError field="scopes" error=error />
                </fieldset>
                <Choice name="days" label="Good for" options=days chosen="90" error=error />
                <button class="button primary" type="submit">"Make token"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn ScopeCard(scope: Scope, role: Role) -> impl IntoView {
    // As the making of a token asks it.
    let denied = scope == Scope::Manage && allowed(role, Right::Panel(PanelRight::ManagePeople)).is_err();
    let refused = denied.then_some("Only administrators have this.");
    view! {
        <label class="choice-card">
            <input
                type="checkbox"
                name="scopes[]"
                value=scope.word()
                checked=scope == Scope::Read
                disabled=refused.is_some()
            />
            <span class="choice-title">{scope.word()}</span>
            <span class="meta">{refused.unwrap_or(scope.explained())}</span>
        </label>
    }
    .into_any()
}
