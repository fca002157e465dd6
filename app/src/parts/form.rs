//! Fields with their label, hint and error. They work without scripts: the error comes back through
//! the page's address, and the browser keeps what was typed when it goes back.

use leptos::prelude::*;

use crate::AppError;

/// What is wrong with one field.
pub fn wrong(error: Option<&AppError>, field: &str) -> Vec<String> {
    match error {
        Some(AppError::Invalid(errors)) => errors.of(field).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The place of a field's error: always there, empty or not, so that a screen reader announces it.
#[component]
pub fn FieldError(field: &'static str, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    view! {
        <p class="field-error" id=format!("{field}-error") aria-live="polite">
            // Nothing rather than an empty text, which would count as one.
            {move || Some(error.with(|e| wrong(e.as_ref(), field).join(" "))).filter(|text| !text.is_empty())}
        </p>
    }
    .into_any()
}

/// A line of text.
#[component]
pub fn TextField(
    name: &'static str,
    label: &'static str,
    #[prop(into)] error: Signal<Option<AppError>>,
    #[prop(into, optional)] value: String,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional)] hint: &'static str,
    #[prop(optional)] focus: bool,
) -> impl IntoView {
    let invalid = move || error.with(|e| !wrong(e.as_ref(), name).is_empty()).then_some("true");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=kind
                value=value
                autofocus=focus
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-invalid=invalid
                aria-describedby=format!("{name}-hint {name}-error")
            />
            <p class="hint" id=format!("{name}-hint")>{(!hint.is_empty()).then_some(hint)}</p>
            <FieldError field=name error=error />
        </div>
    }
    .into_any()
}

/// Lines that are read by programs: keys, scripts.
#[component]
pub fn CodeField(
    name: &'static str,
    label: &'static str,
    #[prop(into)] error: Signal<Option<AppError>>,
    rows: u32,
    hint: &'static str,
) -> impl IntoView {
    let invalid = move || error.with(|e| !wrong(e.as_ref(), name).is_empty()).then_some("true");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <textarea
                id=name
                name=name
                class="mono"
                rows=rows.to_string()
                autocapitalize="none"
                spellcheck="false"
                aria-invalid=invalid
                aria-describedby=format!("{name}-hint {name}-error")
            ></textarea>
            <p class="hint" id=format!("{name}-hint")>{hint}</p>
            <FieldError field=name error=error />
        </div>
    }
    .into_any()
}

/// One of several; the chosen one is marked in the HTML, so that it is right before scripts arrive.
#[component]
pub fn Choice(
    name: &'static str,
    label: &'static str,
    #[prop(into)] error: Signal<Option<AppError>>,
    /// Value and words.
    options: Vec<(String, String)>,
    #[prop(into)] chosen: String,
    #[prop(optional)] disabled: bool,
) -> impl IntoView {
    let options = options
        .into_iter()
        .map(|(value, words)| {
            let selected = value == chosen;
            view! { <option value=value selected=selected>{words}</option> }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <select id=name name=name disabled=disabled aria-describedby=format!("{name}-error")>{options}</select>
            <FieldError field=name error=error />
        </div>
    }
    .into_any()
}
