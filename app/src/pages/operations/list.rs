use leptos::prelude::*;

use crate::api::operations::operation_list;
use crate::live::Live;
use crate::parts::loaded::{Problem, Skeleton};
use crate::parts::operation::OperationTable;
use crate::parts::table::PageHead;
use crate::parts::title::Title;

#[component]
pub fn OperationListPage() -> impl IntoView {
    let changed = Live::expect().operations();
    let operations = Resource::new(move || changed.get(), |_| operation_list(None));
    view! {
        <Title text="Activity" />
        <PageHead title="Activity" />
        <Transition fallback=Skeleton>
            {move || Suspend::new(async move {
                match operations.await {
                    Ok(operations) => view! { <OperationTable operations=operations /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}
