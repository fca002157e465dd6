//! Ports of the host that lead to guests: how to reach each, one more, one less.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{Denied, GuestId};

use crate::api::networks::{ForwardAdd, ForwardRemove};
use crate::parts::badge::Mark;
use crate::parts::copied::Copied;
use crate::parts::form::{Choice, TextField};
use crate::parts::here::host_name;
use crate::parts::loaded::{Failure, failure};
use crate::paths;
use crate::shown::ForwardShown;

/// Fields that the form shows an error beside.
const FIELDS: &[&str] = &["guest", "guest_port", "host_port"];

/// The command that reaches a port from outside; SSH's port with SSH.
fn reach(forward: &ForwardShown, host: &str) -> String {
    match forward.guest_port {
        22 => format!("ssh -p {} root@{host}", forward.host_port),
        80 => format!("curl http://{host}:{}/", forward.host_port),
        _ => format!("{host}:{}", forward.host_port),
    }
}

#[component]
pub fn ForwardTable(
    forwards: Vec<ForwardShown>,
    remove: ServerAction<ForwardRemove>,
    /// Why none may be taken away, if so.
    #[prop(optional_no_strip)]
    denied: Option<Denied>,
    /// On the guest's own page its name says nothing.
    #[prop(optional)]
    of_one: bool,
) -> impl IntoView {
    if forwards.is_empty() {
        return view! { <p class="meta">"No port of this host leads there."</p> }.into_any();
    }
    let host = host_name();
    let refused = denied.map(|why| why.to_string());
    let disabled = refused.is_some();
    view! {
        <table class="table cards forwards">
            <thead>
                <tr>
                    <th>"Reached with"</th>
                    {(!of_one).then(|| view! { <th>"Guest"</th> })}
                    <th class="number">"Port here"</th>
                    <th class="number">"Port of the guest"</th>
                    <th>"Leads"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {forwards
                    .into_iter()
                    .map(|forward| (forward, refused.clone()))
                    .map(|(forward, refused)| view! {
                        <tr>
                            <td data-label="Reached with"><Copied text=reach(&forward, &host) /></td>
                            {(!of_one).then(|| view! {
                                <td data-label="Guest">
                                    <a href=paths::guest_network(forward.guest)>{forward.guest_name.to_string()}</a>
                                </td>
                            })}
                            <td data-label="Port here" class="number">{forward.host_port.to_string()}</td>
                            <td data-label="Port of the guest" class="number">{forward.guest_port.to_string()}</td>
                            <td data-label="Leads">
                                {match forward.leads {
                                    true => view! { <Mark shape="●" class="badge running" words="Leads there" /> },
                                    false => view! { <Mark shape="◌" class="badge stopped" words="Nowhere now" /> },
                                }}
                            </td>
                            <td class="row-actions">
                                <ActionForm action=remove attr:class="inline">
                                    <input type="hidden" name="host_port" value=forward.host_port.to_string() />
                                    <button class="button danger" type="submit" disabled=disabled title=refused>
                                        "Remove" <span class="visually-hidden">{format!(" port {}", forward.host_port)}</span>
                                    </button>
                                </ActionForm>
                            </td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// `refused` says why no port can lead to any of them.
#[component]
pub fn ForwardForm(
    /// Id and name of those on a bridge.
    guests: Vec<(GuestId, String)>,
    add: ServerAction<ForwardAdd>,
    refused: Option<String>,
) -> impl IntoView {
    let error = failure(add);
    let pending = add.pending();
    let disabled = refused.is_some();
    let title = match guests.as_slice() {
        [(_, name)] => format!("Lead a port to {name}"),
        _ => "Lead a port to a guest".to_owned(),
    };
    let guest = match guests.as_slice() {
        [(one, _)] => view! { <input type="hidden" name="guest" value=one.to_string() /> }.into_any(),
        many => {
            let options = many.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
            view! { <Choice name="guest" label="Guest" options=options chosen="" error=error /> }.into_any()
        }
    };
    view! {
        <section class="card">
            <h2>{title}</h2>
            {match refused.clone() {
                Some(why) => view! { <p class="notice">{why}</p> }.into_any(),
                None => view! {
                    <p>"A port of this host leads to a TCP port of the guest, so that it can be reached from outside: 22 is SSH."</p>
                }
                .into_any(),
            }}
            <Failure error=error fields=FIELDS />
            <ActionForm action=add attr:class="form">
                <fieldset disabled=disabled>
                    {guest}
                    <TextField name="guest_port" label="Port of the guest" kind="number" value="22" error=error />
                    <TextField
                        name="host_port"
                        label="Port of this host"
                        kind="number"
                        hint="20000 to 29999. Empty: the first free one."
                        error=error
                    />
                    <button class="button" type="submit" title=refused disabled=move || pending.get()>"Lead the port"</button>
                </fieldset>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_port_is_told_as_it_is_used() {
        let forward = |guest_port| ForwardShown {
            host_port: 20_022,
            guest: GuestId(Uuid::nil()),
            guest_name: "web".parse().expect("a name"),
            guest_port,
            leads: true,
        };
        assert_eq!(reach(&forward(22), "lab.example"), "ssh -p 20022 root@lab.example");
        assert_eq!(reach(&forward(80), "lab.example"), "curl http://lab.example:20022/");
        assert_eq!(reach(&forward(5432), "lab.example"), "lab.example:20022");
    }
}
