//! An image that is built of a recipe: one that comes with Umbel fills the field, and is changed there.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::AppError;
use crate::api::images::ImageBuild;
use crate::parts::form::FieldError;
use crate::parts::loaded::{Failure, awaited, failure};
use crate::paths;

/// As `deploy/recipes` has them.
const SHIPPED: [(&str, &str, &str); 3] =
    [("debian-13", "Debian 13", ", "), ("debian-testing", "Debian testing", " or "), ("arch", "Arch Linux", ".")];

#[component]
pub fn BuildForm(
    begin: ServerAction<ImageBuild>,
    /// What the field is filled with.
    recipe: Resource<Result<String, AppError>>,
) -> impl IntoView {
    let error = failure(begin);
    let (begun, pending) = (begin.value(), begin.pending());
    view! {
        <section class="card" id="build">
            <h2>"Build from a recipe"</h2>
            <p>
                "A file that names packages, users, files, services and commands of a first boot. This host builds it, in a jail without a network of its own; packages come from the mirror that the recipe names."
            </p>
            <p>
                "Begin with "
                {SHIPPED.map(|(name, title, then)| {
                    let to = paths::asking(paths::IMAGES, &[("recipe", name)]) + "#build";
                    view! { <a href=to>{title}</a>{then} }
                }).collect_view()}
            </p>
            <Failure error=error fields=&["recipe"] />
            {move || begun.get().and_then(Result::ok).map(|operation| view! {
                <p class="notice changing" role="status">
                    "It is being built. " <a href=paths::operation(operation)>"See what it says"</a>
                </p>
            })}
            <Transition>
                {awaited(move || async move {
                    let text = recipe.await.unwrap_or_default();
                    // What is within is for whoever has no scripts; another one that is chosen is the field's value.
                    let value = text.clone();
                    view! {
                        <ActionForm action=begin attr:class="form">
                            <div class="field">
                                <label for="recipe">"Recipe"</label>
                                <textarea id="recipe" name="recipe" class="mono" rows="20" spellcheck="false" aria-describedby="recipe-error" prop:value=value>
                                    {text}
                                </textarea>
                                <FieldError field="recipe" error=error />
                            </div>
                            <button class="button" type="submit" disabled=move || pending.get()>"Build it"</button>
                        </ActionForm>
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}
