use leptos::prelude::*;

use crate::AppError;
use crate::parts::loaded::Problem;
use crate::parts::title::Title;

#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(options) = use_context::<leptos_axum::ResponseOptions>() {
        options.set_status(http::StatusCode::NOT_FOUND);
    }
    view! { <Title text="Not found" /><Problem error=AppError::not_found("page") /> }
}
