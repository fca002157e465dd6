//! One of a few, each with a line that says what it means; what can't be had is there, with the reason.

use leptos::prelude::*;

use super::form::FieldError;
use crate::AppError;

/// A card to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub value: String,
    pub title: String,
    pub meaning: String,
    pub refused: Option<String>,
}

/// The first wish that can be had, or else the first card that can.
pub fn first_free(cards: &[Card], wish: &str) -> String {
    let free = || cards.iter().filter(|card| card.refused.is_none());
    free().find(|card| card.value == wish).or_else(|| free().next()).map(|card| card.value.clone()).unwrap_or_default()
}

#[component]
pub fn Cards(
    name: &'static str,
    label: &'static str,
    /// Drawn again only when they change, so that a radio button keeps the focus.
    #[prop(into)]
    cards: Memo<Vec<Card>>,
    #[prop(into)] chosen: Signal<String>,
    #[prop(into)] error: Signal<Option<AppError>>,
) -> impl IntoView {
    view! {
        <fieldset class="field">
            <legend>{label}</legend>
            <div class="choice-cards wide">
                {move || {
                    let chosen = chosen.get_untracked();
                    cards
                        .get()
                        .into_iter()
                        .map(|card| {
                            let checked = card.value == chosen;
                            let refused = card.refused.is_some();
                            view! {
                                <label class="choice-card">
                                    <input type="radio" name=name value=card.value checked=checked disabled=refused />
                                    <span class="choice-title">{card.title}</span>
                                    <span class="meta">{card.meaning}</span>
                                    {card.refused.map(|why| view! { <span class="refused">{why}</span> })}
                                </label>
                            }
                        })
                        .collect_view()
                }}
            </div>
            <FieldError field=name error=error />
        </fieldset>
    }
    .into_any()
}
