use leptos::prelude::*;

use crate::api::operations::operation_list;
use crate::live::Live;
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::operation::OperationTable;
use crate::parts::pages::{Pages, asked};
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::OperationSought;

/// What the page can be limited to.
const SOUGHT: [(&str, Option<OperationSought>); 3] =
    [("All", None), ("Under way", Some(OperationSought::UnderWay)), ("Failed", Some(OperationSought::Failed))];

#[component]
pub fn OperationListPage() -> impl IntoView {
    let changed = Live::expect().operations();
    let (state, cursor) = (asked("state"), asked("cursor"));
    let operations = Resource::new(
        move || (changed.get(), state.get(), cursor.get()),
        |(_, state, cursor)| operation_list(None, state, cursor),
    );
    view! {
        <Title text="Activity" />
        <PageHead title="Activity">
            <nav class="segments ranges" aria-label="Which">
                {SOUGHT
                    .map(|(words, sought)| {
                        let word = sought.map(OperationSought::word).unwrap_or_default();
                        let current = move || (state.get() == word).then_some("true");
                        view! { <a class="button" href=address(word, "") aria-current=current>{words}</a> }
                    })
                    .collect_view()}
            </nav>
        </PageHead>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let (state, cursor) = (state.get_untracked(), cursor.get_untracked());
                match operations.await {
                    Ok(page) => {
                        let first = (!cursor.is_empty()).then(|| address(&state, ""));
                        let next = page.next.map(|next| address(&state, &next));
                        view! {
                            <OperationTable operations=page.rows sought=!(state.is_empty() && cursor.is_empty()) />
                            <Pages first=first next=next />
                        }
                        .into_any()
                    }
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn address(state: &str, cursor: &str) -> String {
    paths::asking(paths::OPERATIONS, &[("state", state), ("cursor", cursor)])
}
