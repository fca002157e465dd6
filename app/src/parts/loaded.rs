//! What came, or why it didn't. Old content stays until new content is there.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::tachys::reactive_graph::OwnedView;
use leptos_router::hooks::use_location;

use crate::{AppError, paths};

/// Shows what `view` gives, once that has come, within a `Suspense` or `Transition`; anew when what it waited for changes.
///
/// A bare `Suspend` gives up what its last view owns as soon as something changes, while that view is still on the page and
/// listens: a resource or signal of its own that it reads then is gone, and all scripts stop. Here a view owns what it has
/// until the next one is in its place. Each costs the page an empty owner of some hundred bytes for as long as it is open.
#[expect(clippy::disallowed_methods, reason = "the one place: here the view owns what it has")]
pub fn awaited<F, V>(view: impl Fn() -> F + Send + 'static) -> impl Fn() -> Suspend<OwnedView<AnyView>> + Send + 'static
where
    F: Future<Output = V> + Send + 'static,
    V: IntoAny,
{
    let around = Owner::current().unwrap_or_default();
    move || {
        let view = view();
        around.child().with(|| Suspend::new(async move { OwnedView::new(view.await.into_any()) }))
    }
}

/// Where something is about to be; seen only when it takes long enough to be noticed.
#[component]
pub fn Skeleton() -> impl IntoView {
    view! { <div class="skeleton" role="status"><span class="visually-hidden">"Loading"</span></div> }.into_any()
}

/// An error in a page's place.
#[component]
pub fn Problem(error: AppError) -> impl IntoView {
    let title = match &error {
        AppError::NotFound { .. } => "Not found",
        AppError::NotSignedIn | AppError::CodeNeeded | AppError::MustChangePassword => "Signed out",
        AppError::ConfirmNeeded | AppError::Forbidden { .. } => "Not allowed",
        AppError::Unavailable { .. } => "Not available now",
        _ => "That did not work",
    };
    let link = match &error {
        AppError::NotSignedIn => Some((paths::SIGN_IN, "Sign in")),
        AppError::MustChangePassword => Some((paths::NEW_PASSWORD, "Choose a new password")),
        AppError::NotFound { .. } => Some((paths::GUESTS, "All guests")),
        _ => None,
    };
    view! {
        <section class="empty" role="alert">
            <h1>{title}</h1>
            <p>{error.to_string()}</p>
            // Some of these lie outside the router.
            {link.map(|(href, words)| view! { <a class="button" rel="external" href=href>{words}</a> })}
        </section>
    }
    .into_any()
}

/// What a form or button answered, if it failed: a sentence above the content. Errors of fields stand
/// beside their fields, so only the rest of them is said here; `fields` are those that are shown.
#[component]
pub fn Failure(
    #[prop(into)] error: Signal<Option<AppError>>,
    #[prop(default = &[])] fields: &'static [&'static str],
) -> impl IntoView {
    let here = use_location().pathname;
    move || {
        let error = error.get()?;
        // Beside this page, so that what was typed is there still.
        let confirm = matches!(error, AppError::ConfirmNeeded).then(|| {
            let to = paths::asking(paths::CONFIRM, &[("next", &here.get())]);
            view! { " " <a href=to rel="external" target="_blank">"Confirm that it is you"</a> }
        });
        let text = match error {
            AppError::Invalid(errors) => {
                let rest: Vec<_> =
                    errors.0.into_iter().filter(|e| !fields.contains(&e.field.as_str())).map(|e| e.message).collect();
                if rest.is_empty() {
                    return None;
                }
                rest.join(" ")
            }
            other => other.to_string(),
        };
        Some(view! { <p class="notice failed" role="alert">{text}{confirm}</p> })
    }
}

/// The error of a server action's last answer; without scripts, the one that came with the address.
pub fn failure<S>(act: ServerAction<S>) -> Signal<Option<AppError>>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Send + Sync + 'static,
{
    let value = act.value();
    Signal::derive(move || value.with(|v| v.as_ref().and_then(|answer| answer.as_ref().err().cloned())))
}
