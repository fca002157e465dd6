use leptos::prelude::*;

use super::show::GuestContext;
use crate::AppError;
use crate::api::missing;
use crate::api::operations::operation_list;
use crate::live::Live;
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::operation::OperationTable;
use crate::parts::pages::{Pages, asked};
use crate::paths;

#[component]
pub fn GuestActivityPage() -> impl IntoView {
    let context = GuestContext::expect();
    let changed = Live::expect().operations();
    let cursor = asked("cursor");
    let operations = Resource::new(
        move || (context.id.get(), cursor.get(), changed.get(), context.act.version().get()),
        |(id, cursor, ..)| async move {
            operation_list(Some(id.ok_or_else(|| missing("guest"))?), String::new(), cursor).await
        },
    );
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                let here = context.id.get_untracked().map(paths::guest_activity).unwrap_or_default();
                let later = !cursor.get_untracked().is_empty();
                match operations.await {
                    Ok(page) => view! {
                        <OperationTable operations=page.rows sought=later />
                        <Pages
                            first=later.then(|| here.clone())
                            next=page.next.map(|next| paths::asking(&here, &[("cursor", &next)]))
                        />
                    }
                    .into_any(),
                    Err(AppError::NotFound { .. }) => ().into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}
