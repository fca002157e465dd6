//! The pages for people who aren't in yet, each as it comes and as it comes back.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use umbel_app::plain::{
    FirstRunView, MessageView, NewPasswordView, SignInView, Why, first_run_page, message_page, new_password_page,
    sign_in_page,
};
use umbel_guest::FieldErrors;

pub(crate) fn routes() -> Router {
    let wrong = SignInView {
        name: "ada".into(),
        errors: FieldErrors::one("form", "Name or password is wrong."),
        ..SignInView::default()
    };
    let short = FirstRunView {
        name: "ada".into(),
        errors: FieldErrors::one("password", "A password has at least 10 characters."),
        ..FirstRunView::default()
    };
    let gone = MessageView {
        title: "This link has been used".into(),
        text: "The panel has its administrator. Sign in instead.".into(),
        link: Some(("/sign-in".into(), "Sign in".into())),
    };
    let first = NewPasswordView { why: Why::FirstPassword, ..NewPasswordView::default() };
    let pages = [
        ("/sign-in", sign_in_page(&SignInView::default(), "")),
        ("/sign-in/wrong", sign_in_page(&wrong, "")),
        ("/first-run", first_run_page(&FirstRunView::default(), "")),
        ("/first-run/wrong", first_run_page(&short, "")),
        ("/account/password", new_password_page(&NewPasswordView::default(), "")),
        ("/account/password/first", new_password_page(&first, "")),
        ("/message", message_page(&gone, "")),
    ];
    pages.into_iter().fold(Router::new(), |router, (path, page)| router.route(path, get(|| async { Html(page) })))
}
