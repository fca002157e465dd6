use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::AccountId;

use super::show::{Decide, state};
use crate::api::accounts::{
    AccountCreate, AccountDecide, AccountReinstate, AccountResetPassword, AccountResetSecondFactor, AccountSetRole,
    AccountSuspend, RegistrationSet, account_list, registration_fetch,
};
use crate::live::Live;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::once::ShownOnce;
use crate::parts::pages::{Pages, asked};
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::shown::{AccountShown, AccountState, FirstPassword, PersonPage, PersonShown, Registration, Role};
use crate::{AppError, paths};

/// The buttons that say whether an account lets anybody in.
#[derive(Clone, Copy)]
struct Standing {
    suspend: ServerAction<AccountSuspend>,
    reinstate: ServerAction<AccountReinstate>,
    decide: ServerAction<AccountDecide>,
}

#[component]
pub fn PeopleListPage() -> impl IntoView {
    let changed = Live::expect().people();
    let create = ServerAction::<AccountCreate>::new();
    let standing =
        Standing { suspend: ServerAction::new(), reinstate: ServerAction::new(), decide: ServerAction::new() };
    let reset = ServerAction::<AccountResetPassword>::new();
    let release = ServerAction::<AccountResetSecondFactor>::new();
    let promote = ServerAction::<AccountSetRole>::new();
    let (name, state, cursor) = (asked("name"), asked("state"), asked("cursor"));
    let asked = Memo::new(move |_| Asked { name: name.get(), state: state.get(), cursor: cursor.get() });
    let people = Resource::new(
        move || {
            let Standing { suspend, reinstate, decide } = standing;
            let stands = (suspend.version().get(), reinstate.version().get(), decide.version().get());
            let passwords = (create.version().get(), reset.version().get(), release.version().get());
            (asked.get(), changed.get(), stands, passwords, promote.version().get())
        },
        |(asked, ..)| people(asked),
    );
    let created = create.value();
    let renewed = reset.value();
    let me = Me::expect();
    view! {
        <Title text="People" />
        <PageHead title="People">
            <form role="search" method="get" action=paths::PEOPLE>
                <input
                    class="search"
                    type="search"
                    name="name"
                    aria-label="Filter accounts"
                    placeholder="Filter  /"
                    data-shortcut="/"
                    value=asked.get_untracked().name
                    prop:value=move || asked.get().name
                />
            </form>
            <a class="button" href=paths::IMPORT>"Many accounts"</a>
            <a class="button" href=paths::INVITATIONS>"Invitations"</a>
        </PageHead>
        <Failure error=failure(standing.suspend) />
        <Failure error=failure(standing.reinstate) />
        <Failure error=failure(standing.decide) />
        <Failure error=failure(reset) />
        <Failure error=failure(release) />
        <Failure error=failure(promote) />
        {move || created.get().and_then(Result::ok).map(first_password)}
        {move || renewed.get().and_then(Result::ok).map(first_password)}
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let own = me.0.await.ok().map(|me| me.id);
                let asked = asked.get_untracked();
                match people.await {
                    Ok((page, waiting)) => {
                        let notice = notice(&waiting, &asked);
                        let people = if asked == Asked::default() { waiting_first(waiting, page.rows) } else { page.rows };
                        view! {
                            {notice}
                            {which(&asked, people.is_empty())}
                            {(!people.is_empty()).then(|| view! {
                                <AccountTable people=people own=own standing=standing reset=reset release=release promote=promote />
                            })}
                            <Pages first=asked.first() next=page.next.map(|cursor| asked.at(cursor)) />
                        }
                        .into_any()
                    }
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        <NewAccount create=create />
        <WhoRegisters />
    }
}

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    name: String,
    state: String,
    cursor: String,
}

impl Asked {
    fn at(&self, cursor: String) -> String {
        paths::asking(paths::PEOPLE, &[("name", &self.name), ("state", &self.state), ("cursor", &cursor)])
    }

    fn first(&self) -> Option<String> {
        (!self.cursor.is_empty()).then(|| self.at(String::new()))
    }
}

fn those_who_wait() -> Asked {
    Asked { state: AccountState::Waiting.word().to_owned(), ..Asked::default() }
}

/// The page that is asked for, and the first of those who wait.
async fn people(asked: Asked) -> Result<(PersonPage, PersonPage), AppError> {
    let page = account_list(asked.name, asked.state, asked.cursor).await?;
    Ok((page, account_list(String::new(), those_who_wait().state, String::new()).await?))
}

/// Who waits is looked for first; the others stay by name.
fn waiting_first(waiting: PersonPage, people: Vec<PersonShown>) -> Vec<PersonShown> {
    let others = people.into_iter().filter(|person| person.account.state != AccountState::Waiting);
    waiting.rows.into_iter().chain(others).collect()
}

/// How many wait for an administrator.
fn notice(waiting: &PersonPage, asked: &Asked) -> Option<impl IntoView + use<>> {
    let words = match (waiting.rows.len(), &waiting.next) {
        (0, _) => return None,
        (1, _) => "An account waits for approval.".to_owned(),
        (many, None) => format!("{many} accounts wait for approval."),
        (many, Some(_)) => format!("More than {many} accounts wait for approval."),
    };
    let all = those_who_wait();
    let elsewhere = *asked != all;
    Some(view! {
        <p class="notice" role="status">
            {words} {elsewhere.then(|| view! { " " <a href=all.at(String::new())>"Only these"</a> })}
        </p>
    })
}

/// What the rows are limited to, and that there is none like that.
fn which(asked: &Asked, none: bool) -> Option<impl IntoView + use<>> {
    let state = asked.state.replace('_', " ");
    let like = match (asked.name.trim(), state.as_str()) {
        ("", "") if none => "There are no more accounts.".to_owned(),
        ("", "") => return None,
        (name, "") if none => format!("No account fits “{name}”."),
        (name, "") => format!("Only accounts that fit “{name}”."),
        ("", state) if none => format!("No account's state is {state}."),
        ("", state) => format!("Only accounts whose state is {state}."),
        (name, state) if none => format!("No account whose state is {state} fits “{name}”."),
        (name, state) => format!("Only accounts that fit “{name}” and whose state is {state}."),
    };
    Some(view! { <p class="meta">{like} " " <a href=paths::PEOPLE>"All accounts"</a></p> })
}

/// Whether people make accounts of their own.
#[component]
fn WhoRegisters() -> impl IntoView {
    let (changed, settle) = (Live::expect().people(), ServerAction::<RegistrationSet>::new());
    let error = failure(settle);
    let settings = Resource::new(move || (changed.get(), settle.version().get()), |_| registration_fetch());
    view! {
        <section class="card">
            <h2>"Registration"</h2>
            <p>"People make accounts of their own on a page that the sign-in leads to. They are users, with the usual limits."</p>
            <Failure error=error fields=&["registration"] />
            <Transition>
                {awaited(move || async move {
                    let Ok(settings) = settings.await else { return ().into_any() };
                    let options = Registration::ALL.map(|word| (word.word().to_owned(), effect(word).to_owned())).to_vec();
                    let chosen = settings.registration.word();
                    view! {
                        <ActionForm action=settle attr:class="form">
                            <Choice name="registration" label="Registration is" options=options chosen=chosen error=error />
                            <button class="button" type="submit">"Save"</button>
                        </ActionForm>
                    }
                    .into_any()
                })}
            </Transition>
        </section>
    }
    .into_any()
}

fn effect(registration: Registration) -> &'static str {
    match registration {
        Registration::Off => "off",
        Registration::Approval => "with approval: it waits for an administrator",
        Registration::Open => "open: it lets in at once",
    }
}

fn first_password(first: FirstPassword) -> impl IntoView {
    view! {
        <ShownOnce secret=first.password then=" It is shown only now, and has to be changed at the first sign-in.">
            "First password of " <strong>{first.name}</strong> ": "
        </ShownOnce>
    }
}

#[component]
fn NewAccount(create: ServerAction<AccountCreate>) -> impl IntoView {
    let error = failure(create);
    let roles = Role::ALL.map(|r| (r.word().to_owned(), r.word().to_owned())).to_vec();
    view! {
        <section class="card">
            <h2>"New account"</h2>
            <Failure error=error fields=&["name", "role"] />
            <ActionForm action=create attr:class="form">
                <TextField name="name" label="Name" error=error hint="2 to 32 of a–z, 0–9, -, _ and the dot." />
                <Choice name="role" label="Role" options=roles chosen=Role::User.word() error=error />
                <dl class="keys">
                    {Role::ALL.map(|role| view! { <dt>{role.word()}</dt><dd>{meaning(role)}</dd> }).collect_view()}
                </dl>
                <button class="button primary" type="submit">"Create account"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// What a role is for, in a line.
fn meaning(role: Role) -> &'static str {
    match role {
        Role::User => "Has guests of their own.",
        Role::Teacher => "A user with room for a class. Whom they teach, groups say.",
        Role::Operator => "Sees everybody's guests, reads their consoles, starts and stops them.",
        Role::Administrator => "May everything.",
    }
}

#[component]
fn AccountTable(
    people: Vec<PersonShown>,
    own: Option<AccountId>,
    standing: Standing,
    reset: ServerAction<AccountResetPassword>,
    release: ServerAction<AccountResetSecondFactor>,
    promote: ServerAction<AccountSetRole>,
) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th><th>"Role"</th><th>"State"</th><th class="number">"Guests"</th>
                    <th>"Last sign-in"</th><th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {people
                    .into_iter()
                    .map(|person| {
                        let is_own = Some(person.account.id) == own;
                        view! { <AccountRow person=person is_own=is_own standing=standing reset=reset release=release promote=promote /> }
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn AccountRow(
    person: PersonShown,
    is_own: bool,
    standing: Standing,
    reset: ServerAction<AccountResetPassword>,
    release: ServerAction<AccountResetSecondFactor>,
    promote: ServerAction<AccountSetRole>,
) -> impl IntoView {
    let PersonShown { account, guests } = person;
    let (same_id, of_same_name) = (account.id.to_string(), format!(" of {}", account.name));
    let stays = !matches!(account.state, AccountState::Waiting | AccountState::Leaving);
    let renewal = if is_own {
        "Change your own password on your account page."
    } else {
        "Gives a new first password and ends its sign-ins."
    };
    view! {
        <tr>
            <td data-label="Name"><a href=paths::person(account.id)>{account.name.clone()}</a></td>
            <td data-label="Role"><RoleForm account=account.clone() is_own=is_own promote=promote /></td>
            <td data-label="State">
                {state(&account)}
            </td>
            <td data-label="Guests" class="number">{guests.to_string()}</td>
            <td data-label="Last sign-in">
                {match account.last_sign_in_at {
                    Some(at) => view! { <When at=at /> }.into_any(),
                    None => view! { <span class="meta">"never"</span> }.into_any(),
                }}
            </td>
            <td class="row-actions">
                <StandingForm account=account.clone() is_own=is_own standing=standing />
                {stays.then(|| view! {
                    <ActionForm action=reset attr:class="inline">
                        <input type="hidden" name="account" value=same_id />
                        <button class="button" type="submit" title=renewal disabled=is_own>
                            "Reset password" <span class="visually-hidden">{of_same_name}</span>
                        </button>
                    </ActionForm>
                })}
                {(stays && account.second_factor).then(|| view! { <Release account=account.clone() is_own=is_own release=release /> })}
            </td>
        </tr>
    }
    .into_any()
}

/// For whoever has lost telephone and recovery codes.
#[component]
fn Release(account: AccountShown, is_own: bool, release: ServerAction<AccountResetSecondFactor>) -> impl IntoView {
    let effect = if is_own {
        "Switch off your own second factor on your account page."
    } else {
        "A sign-in asks for the password alone again; ends its sign-ins."
    };
    view! {
        <ActionForm action=release attr:class="inline">
            <input type="hidden" name="account" value=account.id.to_string() />
            <button class="button" type="submit" title=effect disabled=is_own>
                "Reset second factor" <span class="visually-hidden">{format!(" of {}", account.name)}</span>
            </button>
        </ActionForm>
    }
    .into_any()
}

#[component]
fn StandingForm(account: AccountShown, is_own: bool, standing: Standing) -> impl IntoView {
    let (id, of_name) = (account.id.to_string(), format!(" {}", account.name));
    let words = |verb: &'static str| view! { {verb} <span class="visually-hidden">{of_name}</span> };
    match account.state {
        AccountState::Suspended => view! {
            <ActionForm action=standing.reinstate attr:class="inline">
                <input type="hidden" name="account" value=id />
                <button class="button" type="submit" title="It may sign in again.">{words("Reinstate")}</button>
            </ActionForm>
        }
        .into_any(),
        AccountState::Waiting => view! { <Decide account=account decide=standing.decide /> }.into_any(),
        AccountState::Leaving => ().into_any(),
        AccountState::Active | AccountState::FirstPassword | AccountState::Expired => {
            let effect = if is_own {
                "You can't suspend your own account. Another administrator can."
            } else {
                "Ends its sign-ins and open consoles; its guests go on, and everything of it stays."
            };
            view! {
                <ActionForm action=standing.suspend attr:class="inline">
                    <input type="hidden" name="account" value=id />
                    <input type="hidden" name="guests" value="go_on" />
                    <button class="button" type="submit" title=effect disabled=is_own>{words("Suspend")}</button>
                </ActionForm>
            }
            .into_any()
        }
    }
}

/// One's own stands there as it is: another administrator changes it.
#[component]
fn RoleForm(account: AccountShown, is_own: bool, promote: ServerAction<AccountSetRole>) -> impl IntoView {
    if is_own {
        return view! { <span title="You can't change your own role. Another administrator can.">{account.role.word()}</span> }
            .into_any();
    }
    if account.state == AccountState::Waiting {
        return account.role.word().into_any();
    }
    let (field, pending) = (format!("role-{}", account.id), promote.pending());
    let options = Role::ALL
        .map(|role| view! { <option value=role.word() selected={role == account.role}>{role.word()}</option> })
        .collect_view();
    view! {
        <ActionForm action=promote attr:class="row-form">
            <input type="hidden" name="account" value=account.id.to_string() />
            <label class="visually-hidden" for=field.clone()>{format!("Role of {}", account.name)}</label>
            <select id=field name="role">{options}</select>
            <button class="button" type="submit" title="Holds at once, also on pages that are open." disabled=move || pending.get()>
                "Change" <span class="visually-hidden">{format!(" the role of {}", account.name)}</span>
            </button>
        </ActionForm>
    }
    .into_any()
}
