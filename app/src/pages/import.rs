//! Many accounts at once.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::PanelRight;

use crate::api::accounts::AccountImport;
use crate::parts::form::FieldError;
use crate::parts::loaded::{Failure, awaited, failure};
use crate::parts::me::Me;
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::shown::ImportShown;

#[component]
pub fn ImportPage() -> impl IntoView {
    let import = ServerAction::<AccountImport>::new();
    let (error, pending, done) = (failure(import), import.pending(), import.value());
    let me = Me::expect();
    view! {
        <Title text="Many accounts" />
        <PageHead title="Many accounts" />
        <Transition>
            {awaited(move || async move {
                me.may(PanelRight::ManagePeople).await.err().map(|why| view! { <p class="notice">{why.to_string()}</p> })
            })}
        </Transition>
        {move || done.get().and_then(Result::ok).map(|done| view! { <Imported done=done /> })}
        <section class="card">
            <Failure error=error fields=&["lines"] />
            <ActionForm action=import attr:class="form">
                <div class="field">
                    <label for="lines">"An account a line"</label>
                    <textarea id="lines" name="lines" class="mono" rows="12" spellcheck="false"
                        placeholder="name,role,group" aria-describedby="lines-hint lines-error"></textarea>
                    <p class="hint" id="lines-hint">
                        "Name, role, group: anna,user,Networks 2026. Role and group may be missing; a table's columns can be pasted."
                    </p>
                    <FieldError field="lines" error=error />
                </div>
                <div class="field">
                    <label class="check">
                        <input type="checkbox" name="only_check" value="true" />
                        <span>"Only check, make nothing"</span>
                    </label>
                </div>
                <button class="button primary" type="submit" disabled=move || pending.get()>"Create accounts"</button>
            </ActionForm>
        </section>
    }
}

/// First passwords are told once and kept nowhere.
#[component]
fn Imported(done: ImportShown) -> impl IntoView {
    let made = done.accounts.iter().any(|account| account.password.is_some());
    let words = if made {
        format!("{} accounts were made. Their first passwords are shown only now.", done.accounts.len())
    } else {
        format!("All {} lines are right; nothing was made.", done.accounts.len())
    };
    let rows = done
        .accounts
        .into_iter()
        .map(|account| {
            view! {
                <tr>
                    <td data-label="Name">{account.name}</td>
                    <td data-label="Role">{account.role.word()}</td>
                    <td data-label="Group">{account.group.map(|group| group.to_string())}</td>
                    <td data-label="First password"><code>{account.password}</code></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <p class="notice attention" role="status">{words}</p>
        <table class="table cards">
            <thead><tr><th>"Name"</th><th>"Role"</th><th>"Group"</th><th>"First password"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}
