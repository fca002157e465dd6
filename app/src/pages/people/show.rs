//! One account: how it stands, when it ends, and how it is deleted.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use umbel_guest::AccountId;

use crate::AppError;
use crate::api::accounts::{
    AccountDecide, AccountReinstate, AccountRemove, AccountSetExpiry, AccountSuspend, account_fetch,
};
use crate::api::missing;
use crate::live::Live;
use crate::parts::badge::Mark;
use crate::parts::form::{FieldError, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::table::{Fact, PageHead};
use crate::parts::time::{When, iso};
use crate::parts::title::Title;
use crate::shown::{AccountShown, AccountState, PersonShown};

/// How an account stands, as word, shape and colour; with its end where it has one.
pub(super) fn state(account: &AccountShown) -> AnyView {
    let (shape, class, word) = match account.state {
        AccountState::Waiting => ("◐", "badge attention", "Waits for approval"),
        AccountState::Active => ("●", "badge running", "Active"),
        AccountState::FirstPassword => ("◐", "badge attention", "First password"),
        AccountState::Suspended => ("◌", "badge stopped", "Suspended"),
        AccountState::Expired => ("◌", "badge stopped", "Ended"),
        AccountState::Leaving => ("◐", "badge attention", "Being deleted"),
    };
    let end = account.expires_at.filter(|_| account.state.lets_in());
    view! {
        // One thing, so that a card on a phone keeps it together.
        <span>
            <Mark shape=shape class=class words=word />
            {end.map(|end| view! { " " <span class="meta">{format!("until {}", last_day(end))}</span> })}
        </span>
    }
    .into_any()
}

/// The day before the moment at which it ends.
fn last_day(end: i64) -> String {
    iso(end - 1).chars().take(10).collect()
}

#[derive(Clone, Copy)]
struct Actions {
    suspend: ServerAction<AccountSuspend>,
    reinstate: ServerAction<AccountReinstate>,
    expire: ServerAction<AccountSetExpiry>,
    remove: ServerAction<AccountRemove>,
    decide: ServerAction<AccountDecide>,
}

#[component]
pub fn PersonPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("account").and_then(|text| text.parse::<AccountId>().ok()));
    let changed = Live::expect().people();
    let actions = Actions {
        suspend: ServerAction::new(),
        reinstate: ServerAction::new(),
        expire: ServerAction::new(),
        remove: ServerAction::new(),
        decide: ServerAction::new(),
    };
    let person = Resource::new(
        move || {
            let own = (actions.suspend.version().get(), actions.reinstate.version().get());
            let gone = (actions.remove.version().get(), actions.decide.version().get());
            (id.get(), changed.get(), own, actions.expire.version().get(), gone)
        },
        |(id, ..)| async move { account_fetch(id.ok_or_else(|| missing("account"))?).await },
    );
    let me = Me::expect();
    view! {
        <Failure error=failure(actions.suspend) />
        <Failure error=failure(actions.reinstate) />
        <Failure error=failure(actions.decide) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let own = me.0.await.ok().map(|me| me.id);
                match person.await {
                    Ok(person) => {
                        let is_own = Some(person.account.id) == own;
                        view! { <Person person=person is_own=is_own actions=actions /> }.into_any()
                    }
                    Err(error) => view! { <Title text="Account" /><Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Person(person: PersonShown, is_own: bool, actions: Actions) -> impl IntoView {
    let PersonShown { account, guests } = person;
    let forms = match (is_own, account.state) {
        (true, _) => {
            view! { <p class="notice">"This is you: another administrator decides about your account."</p> }.into_any()
        }
        (_, AccountState::Waiting) => view! {
            <section class="card">
                <h2>"Waits for approval"</h2>
                <p>"Its owner made it. It lets nobody in until an administrator approves it; refused, it is deleted."</p>
                <Decide account=account.clone() decide=actions.decide />
            </section>
        }
        .into_any(),
        (_, AccountState::Leaving) => {
            view! { <p class="notice">"It lets nobody in, and goes once its guests are gone."</p> }.into_any()
        }
        (false, _) => view! {
            <Standing account=account.clone() actions=actions />
            <End account=account.clone() expire=actions.expire />
            <Delete account=account.clone() guests=guests remove=actions.remove />
        }
        .into_any(),
    };
    let (stands, guests) = (state(&account), guests.to_string());
    let AccountShown { role, linked, last_sign_in_at, .. } = account;
    view! {
        <Title text=account.name.clone() />
        <PageHead title=account.name />
        <dl class="facts four">
            <Fact label="Role">{role.word()}{linked.then_some(", linked to the sign-in provider")}</Fact>
            <Fact label="State">{stands}</Fact>
            <Fact label="Guests">{guests}</Fact>
            <Fact label="Last sign-in">
                {match last_sign_in_at {
                    Some(at) => view! { <When at=at /> }.into_any(),
                    None => view! { <span class="meta">"never"</span> }.into_any(),
                }}
            </Fact>
        </dl>
        {forms}
    }
    .into_any()
}

/// The two buttons about an account that waits.
#[component]
pub(super) fn Decide(account: AccountShown, decide: ServerAction<AccountDecide>) -> impl IntoView {
    let pending = decide.pending();
    [
        (true, "button primary", "Approve", "It may sign in."),
        (false, "button", "Refuse", "Deletes it; its name is free."),
    ]
    .map(|(approved, class, verb, effect)| {
        let of_name = format!(" {}", account.name);
        view! {
            <ActionForm action=decide attr:class="inline">
                <input type="hidden" name="account" value=account.id.to_string() />
                <input type="hidden" name="approved" value=approved.to_string() />
                <button class=class type="submit" title=effect disabled=move || pending.get()>
                    {verb} <span class="visually-hidden">{of_name}</span>
                </button>
            </ActionForm>
            " "
        }
    })
    .into_any()
}

/// One of several, with what it does.
#[component]
fn Radio(
    name: &'static str,
    value: &'static str,
    label: &'static str,
    hint: &'static str,
    #[prop(optional)] checked: bool,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="radio" name=name value=value checked=checked />
            <span>{label} <span class="hint">{hint}</span></span>
        </label>
    }
    .into_any()
}

#[component]
fn Standing(account: AccountShown, actions: Actions) -> impl IntoView {
    let (id, same_id) = (account.id.to_string(), account.id.to_string());
    let (suspending, reinstating) = (actions.suspend.pending(), actions.reinstate.pending());
    if account.state == AccountState::Suspended {
        let verb = format!("Reinstate {}", account.name);
        return view! {
            <section class="card">
                <h2>"Suspended"</h2>
                <p>"Nobody comes in with it, and its tokens let nobody in. Guests, tokens, shares and groups are kept."</p>
                <ActionForm action=actions.reinstate attr:class="inline">
                    <input type="hidden" name="account" value=id />
                    <button class="button primary" type="submit" disabled=move || reinstating.get()>{verb}</button>
                </ActionForm>
                " "
                <ActionForm action=actions.suspend attr:class="inline">
                    <input type="hidden" name="account" value=same_id />
                    <input type="hidden" name="guests" value="shut_down" />
                    <button class="button" type="submit" disabled=move || suspending.get()>"Shut its guests down"</button>
                </ActionForm>
            </section>
        }
        .into_any();
    }
    let verb = format!("Suspend {}", account.name);
    view! {
        <section class="card">
            <h2>"Suspend"</h2>
            <ActionForm action=actions.suspend attr:class="form">
                <input type="hidden" name="account" value=id />
                <fieldset class="field">
                    <legend>"Its guests"</legend>
                    <Radio name="guests" value="go_on" label="Go on" hint="Only its sign-ins, tokens and consoles end." checked=true />
                    <Radio name="guests" value="shut_down" label="Shut down" hint="At once, or when what is under way for one is over; disks are kept." />
                </fieldset>
                <button class="button" type="submit" disabled=move || suspending.get()>{verb}</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn End(account: AccountShown, expire: ServerAction<AccountSetExpiry>) -> impl IntoView {
    let (error, pending) = (failure(expire), expire.pending());
    let day = account.expires_at.map(last_day).unwrap_or_default();
    view! {
        <section class="card">
            <h2>"End"</h2>
            <Failure error=error fields=&["expires"] />
            <ActionForm action=expire attr:class="form">
                <input type="hidden" name="account" value=account.id.to_string() />
                <TextField
                    name="expires"
                    label="Last day"
                    kind="date"
                    value=day
                    error=error
                    hint="Once that day is over (UTC) it lets nobody in and its guests are shut down; nothing is deleted. Empty, it has no end."
                />
                <button class="button" type="submit" disabled=move || pending.get()>"Set the end"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn Delete(account: AccountShown, guests: u32, remove: ServerAction<AccountRemove>) -> impl IntoView {
    let (error, pending) = (failure(remove), remove.pending());
    let AccountShown { id, name, .. } = account;
    let what = match guests {
        0 => "It has no guests.".to_owned(),
        1 => "It has a guest.".to_owned(),
        many => format!("It has {many} guests."),
    };
    let effect = format!(
        "Ends whatever is open with {name} at once. Its sign-ins, tokens, second factor, shares, groups and limits go \
         for good; rows of the audit stay. {what}"
    );
    let choice = match guests {
        0 => view! { <input type="hidden" name="guests" value="none" /><input type="hidden" name="to" value="" /> }
            .into_any(),
        _ => view! { <GuestsOf error=error /> }.into_any(),
    };
    let (label, verb) = (format!("Type {name} to delete it"), format!("Delete {name}"));
    view! {
        <section class="card">
            <h2>"Delete"</h2>
            <p>{effect}</p>
            <Failure error=error fields=&["to", "guests", "confirm"] />
            <ActionForm action=remove attr:class="form">
                <input type="hidden" name="account" value=id.to_string() />
                {choice}
                <div class="field">
                    <label for="confirm">{label}</label>
                    <input id="confirm" name="confirm" autocomplete="off" required aria-describedby="confirm-error" />
                    <FieldError field="confirm" error=error />
                </div>
                <button class="button danger" type="submit" disabled=move || pending.get()>{verb}</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn GuestsOf(error: Signal<Option<AppError>>) -> impl IntoView {
    view! {
        <fieldset class="field">
            <legend>"Its guests"</legend>
            <Radio
                name="guests"
                value="give"
                label="Give them to somebody else"
                hint="They must be off; their new owner's quota must have room."
            />
            <Radio name="guests" value="delete" label="Delete them too" hint="At once and for good, with their disks." />
            <FieldError field="guests" error=error />
        </fieldset>
        <TextField name="to" label="New owner" error=error hint="The name of an account, where they are given away." />
    }
    .into_any()
}
