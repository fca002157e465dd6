//! Where events are sent, and what came of it; for administrators.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::webhooks::{WebhookCreate, WebhookRedeliver, WebhookRemove, WebhookTest, webhook_list};
use crate::live::Live;
use crate::parts::badge::Mark;
use crate::parts::form::{FieldError, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::once::ShownOnce;
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::shown::{DeliveryShown, DeliveryState, WebhookEvent, WebhookShown};

#[component]
pub fn WebhooksPage() -> impl IntoView {
    let changed = Live::expect().host();
    let create = ServerAction::<WebhookCreate>::new();
    let remove = ServerAction::<WebhookRemove>::new();
    let test = ServerAction::<WebhookTest>::new();
    let redeliver = ServerAction::<WebhookRedeliver>::new();
    let done =
        move || (create.version().get(), remove.version().get(), test.version().get(), redeliver.version().get());
    let webhooks = Resource::new(move || (changed.get(), done()), |_| webhook_list());
    let created = create.value();
    view! {
        <Title text="Webhooks" />
        <PageHead title="Webhooks" />
        <Failure error=failure(remove) />
        <Failure error=failure(test) />
        <Failure error=failure(redeliver) />
        {move || created.get().and_then(Result::ok).and_then(|new| Some((new.url, new.secret?))).map(|(url, secret)| view! {
            <ShownOnce secret=secret then=" It is shown only now.">
                "What signs events to " <strong>{url}</strong> ": "
            </ShownOnce>
        })}
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match webhooks.await {
                    Ok(shown) => view! {
                        <WebhookTable webhooks=shown.webhooks remove=remove test=test />
                        <NewWebhookForm create=create />
                        <h2>"Deliveries"</h2>
                        <DeliveryTable deliveries=shown.deliveries redeliver=redeliver />
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn WebhookTable(
    webhooks: Vec<WebhookShown>,
    remove: ServerAction<WebhookRemove>,
    test: ServerAction<WebhookTest>,
) -> impl IntoView {
    if webhooks.is_empty() {
        return view! { <p class="meta">"Events are sent nowhere."</p> }.into_any();
    }
    let row = |webhook: WebhookShown| {
        let events: Vec<&str> = webhook.events.iter().map(|event| event.title()).collect();
        let gone = webhook.gone_at.map(|at| {
            view! {
                <p class="meta">"It answered 410 (gone) " <When at=at /> ": nothing is sent until a test arrives."</p>
            }
        });
        let id = webhook.id;
        let [test_what, remove_what] = [(); 2].map(|()| format!(" {}", webhook.url));
        view! {
            <tr>
                <td data-label="Address" class="prose mono">{webhook.url}</td>
                <td data-label="Events" class="prose">{events.join(", ")} {gone}</td>
                <td data-label="Since"><When at=webhook.created_at /></td>
                <td class="row-actions">
                    <ActionForm action=test attr:class="inline">
                        <input type="hidden" name="webhook" value=id.to_string() />
                        <button class="button" type="submit">"Test" <span class="visually-hidden">{test_what}</span></button>
                    </ActionForm>
                    <ActionForm action=remove attr:class="inline">
                        <input type="hidden" name="webhook" value=id.to_string() />
                        <button class="button" type="submit" title="What waits for it is not sent any more">
                            "Remove" <span class="visually-hidden">{remove_what}</span>
                        </button>
                    </ActionForm>
                </td>
            </tr>
        }
    };
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Address"</th><th>"Events"</th><th>"Since"</th>
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>{webhooks.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn NewWebhookForm(create: ServerAction<WebhookCreate>) -> impl IntoView {
    let error = failure(create);
    let card = |event: WebhookEvent| {
        view! {
            <label class="choice-card">
                <input type="checkbox" name="events[]" value=event.word() />
                <span class="choice-title">{event.title()}</span>
                <span class="meta">{event.explained()}</span>
            </label>
        }
    };
    view! {
        <section class="card">
            <h2>"New webhook"</h2>
            <Failure error=error fields=&["url", "events"] />
            <ActionForm action=create attr:class="form">
                <TextField
                    name="url"
                    label="Address"
                    error=error
                    hint="https://… is sent JSON, signed with a secret that is shown once; mailto:NAME@HOST is sent mail."
                />
                <fieldset class="field">
                    <legend>"What is told"</legend>
                    <div class="choice-cards wide">{WebhookEvent::ALL.into_iter().map(card).collect_view()}</div>
                    <FieldError field="events" error=error />
                </fieldset>
                <button class="button primary" type="submit">"Make webhook"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn DeliveryTable(deliveries: Vec<DeliveryShown>, redeliver: ServerAction<WebhookRedeliver>) -> impl IntoView {
    if deliveries.is_empty() {
        return view! { <p class="meta">"Nothing was sent yet."</p> }.into_any();
    }
    let row = |delivery: DeliveryShown| {
        let (id, what) = (delivery.id.to_string(), format!(" {} to {}", delivery.event, delivery.url));
        let title = WebhookEvent::of_word(&delivery.event).map_or("Test", WebhookEvent::title);
        let (shape, class) = match delivery.state {
            DeliveryState::Waiting => ("◐", "badge changing"),
            DeliveryState::Delivered => ("●", "badge running"),
            DeliveryState::GivenUp => ("▲", "badge failed"),
        };
        let next = (delivery.state == DeliveryState::Waiting && delivery.tries > 0)
            .then(|| view! { <span class="meta">"next try " <When at=delivery.next_try_at /></span> });
        view! {
            <tr>
                <td data-label="When"><When at=delivery.created_at /></td>
                <td data-label="Event">{title}</td>
                <td data-label="Address" class="prose mono">{delivery.url}</td>
                <td data-label="State">
                    <span class="state-cell"><Mark shape=shape class=class words=delivery.state.title() /> {next}</span>
                </td>
                <td data-label="Tries" class="number">{delivery.tries.to_string()}</td>
                <td data-label="Answer" class="prose">{delivery.answer}</td>
                <td class="row-actions">
                    <ActionForm action=redeliver attr:class="inline">
                        <input type="hidden" name="delivery" value=id />
                        <button class="button" type="submit">
                            "Send again" <span class="visually-hidden">{what}</span>
                        </button>
                    </ActionForm>
                </td>
            </tr>
        }
    };
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"When"</th><th>"Event"</th><th>"Address"</th><th>"State"</th><th class="number">"Tries"</th>
                    <th>"Answer"</th><th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>{deliveries.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
