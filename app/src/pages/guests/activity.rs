use leptos::prelude::*;

use super::show::GuestContext;
use crate::AppError;
use crate::api::missing;
use crate::api::operations::operation_list;
use crate::live::Live;
use crate::parts::loaded::{Problem, Skeleton};
use crate::parts::operation::OperationTable;

#[component]
pub fn GuestActivityPage() -> impl IntoView {
    let context = GuestContext::expect();
    let changed = Live::expect().operations();
    let operations = Resource::new(
        move || (context.id.get(), changed.get(), context.act.version().get()),
        |(id, ..)| async move { operation_list(Some(id.ok_or_else(|| missing("guest"))?)).await },
    );
    view! {
        <Transition fallback=Skeleton>
            {move || Suspend::new(async move {
                // A guest that isn't there has said so in its header.
                match operations.await {
                    Ok(operations) => view! { <OperationTable operations=operations /> }.into_any(),
                    Err(AppError::NotFound { .. }) => ().into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}
