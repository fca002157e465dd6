//! The pages for people who aren't in yet, each as it comes and as it comes back.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use umbel_app::plain::{
    MessageView, NewAccountView, NewPasswordView, OidcStage, OidcView, SecondFactorStage, SecondFactorView,
    SignInCodeView, SignInView, Why, first_run_page, message_page, new_password_page, oidc_page, register_page,
    second_factor_page, sign_in_code_page, sign_in_page,
};
use umbel_app::shown::SecondFactorStart;
use umbel_guest::FieldErrors;

pub(crate) fn routes() -> Router {
    let wrong = SignInView {
        name: "ada".into(),
        errors: FieldErrors::one("form", "Name or password is wrong."),
        ..SignInView::default()
    };
    let short = NewAccountView {
        name: "ada".into(),
        errors: FieldErrors::one("password", "A password has at least 10 characters."),
        ..NewAccountView::default()
    };
    let gone = MessageView {
        title: "This link has been used".into(),
        text: "The panel has its administrator. Sign in instead.".into(),
        link: Some(("/sign-in".into(), "Sign in".into())),
    };
    let first = NewPasswordView { why: Why::FirstPassword, ..NewPasswordView::default() };
    let start = SecondFactorStart { secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(), uri: String::new() };
    let square = "<svg width=\"220\" height=\"220\" viewBox=\"0 0 9 9\"><rect width=\"9\" height=\"9\" fill=\"#fff\"/><path d=\"M1 1h3v3h-3zM5 1h3v3h-3zM1 5h3v3h-3z\"/></svg>";
    let codes = (0..10).map(|n| format!("abc{n}-efgh-ijkl-mnop").replace(['0', '1', '8', '9'], "q")).collect();
    let stage = |stage| second_factor_page(&SecondFactorView { stage, errors: FieldErrors::default() }, "");
    let late = SignInCodeView { errors: FieldErrors::one("code", "This code is wrong."), ..SignInCodeView::default() };
    let with_provider = SignInView { provider: Some("School".into()), may_register: true, ..SignInView::default() };
    let oidc = |stage| {
        let errors = FieldErrors::default();
        oidc_page(&OidcView { label: "School".into(), stage, errors }, "")
    };
    let linked = OidcStage::Linked { issuer: "https://id.example".into(), can_go: true };
    let pages = [
        ("/sign-in/with-provider", sign_in_page(&with_provider, "")),
        ("/account/sign-in-provider", oidc(OidcStage::Unlinked)),
        ("/account/sign-in-provider/go", oidc(OidcStage::Go("https://id.example".into()))),
        ("/account/sign-in-provider/linked", oidc(linked)),
        ("/sign-in", sign_in_page(&SignInView::default(), "")),
        ("/sign-in/wrong", sign_in_page(&wrong, "")),
        ("/first-run", first_run_page(&NewAccountView::default(), "")),
        ("/first-run/wrong", first_run_page(&short, "")),
        ("/register", register_page(&NewAccountView::default(), true, "")),
        ("/account/password", new_password_page(&NewPasswordView::default(), "")),
        ("/account/password/first", new_password_page(&first, "")),
        ("/sign-in/code", sign_in_code_page(&SignInCodeView::default(), "")),
        ("/sign-in/code/wrong", sign_in_code_page(&late, "")),
        ("/account/second-factor", stage(SecondFactorStage::Off)),
        ("/account/second-factor/begun", stage(SecondFactorStage::Confirm(Some((start, square.into()))))),
        ("/account/second-factor/on", stage(SecondFactorStage::On { codes_left: 9 })),
        ("/account/second-factor/codes", stage(SecondFactorStage::Codes(codes))),
        ("/message", message_page(&gone, "")),
    ];
    pages.into_iter().fold(Router::new(), |router, (path, page)| router.route(path, get(|| async { Html(page) })))
}
