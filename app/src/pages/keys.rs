//! One's public keys, on the account page.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::keys::{KeyAdd, KeyRemove, key_list};
use crate::live::Live;
use crate::parts::form::CodeField;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::time::When;
use crate::shown::KeyShown;

#[component]
pub fn Keys() -> impl IntoView {
    let changed = Live::expect().people();
    let (add, remove) = (ServerAction::<KeyAdd>::new(), ServerAction::<KeyRemove>::new());
    let keys = Resource::new(move || (changed.get(), add.version().get(), remove.version().get()), |_| key_list());
    view! {
        <h2>"Public keys"</h2>
        <p class="meta">"For SSH: a new guest lets them in where that is ticked. Guests that know a key keep it."</p>
        <Failure error=failure(remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match keys.await {
                    Ok(keys) => view! { <KeyTable keys=keys remove=remove /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        <NewKeyForm add=add />
    }
    .into_any()
}

#[component]
fn KeyTable(keys: Vec<KeyShown>, remove: ServerAction<KeyRemove>) -> impl IntoView {
    if keys.is_empty() {
        return view! { <p class="meta">"You have no key."</p> }.into_any();
    }
    let rows = keys.into_iter().map(|key| {
        let of_name = format!(" {}", key.name);
        view! {
            <tr>
                <td data-label="Name">{key.name}</td>
                <td data-label="Kind">{key.kind}</td>
                <td data-label="Fingerprint"><code>{key.fingerprint}</code></td>
                <td data-label="Since"><When at=key.created_at /></td>
                <td class="row-actions">
                    <ActionForm action=remove attr:class="inline">
                        <input type="hidden" name="key" value=key.id.to_string() />
                        <button class="button" type="submit" title="Guests that know it keep it">
                            "Remove" <span class="visually-hidden">{of_name}</span>
                        </button>
                    </ActionForm>
                </td>
            </tr>
        }
    });
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th><th>"Kind"</th><th>"Fingerprint"</th><th>"Since"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn NewKeyForm(add: ServerAction<KeyAdd>) -> impl IntoView {
    let error = failure(add);
    view! {
        <details class="rescue">
            <summary>"Add a key"</summary>
            <Failure error=error fields=&["key"] />
            <ActionForm action=add attr:class="form">
                <CodeField
                    name="key"
                    label="Public key"
                    rows=3
                    hint="What is in the file that ends in .pub, as ~/.ssh/id_ed25519.pub."
                    error=error
                />
                <button class="button primary" type="submit">"Add key"</button>
            </ActionForm>
        </details>
    }
    .into_any()
}
