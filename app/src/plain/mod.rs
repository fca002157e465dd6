//! Pages for people who aren't in yet. Whole documents out of a view, without Leptos and without
//! wasm, so that signing in costs a style sheet and a few hundred bytes of script.
//!
//! All text goes through [`escape`]; a view holds what was typed except passwords.

mod api;
mod confirm;
mod document;
mod first_password;
mod first_run;
mod imported;
mod invitation;
mod message;
mod new_account;
mod new_password;
mod new_token;
mod new_webhook;
mod oidc;
mod program;
mod register;
mod second_factor;
mod sign_in;

pub use api::api_page;
pub use confirm::{ConfirmBy, ConfirmView, confirm_page};
pub use document::escape;
pub use first_password::first_password_page;
pub use first_run::first_run_page;
pub use imported::imported_page;
pub use invitation::{invitation_page, new_invitation_page};
pub use message::{MessageView, message_page};
pub use new_account::NewAccountView;
pub use new_password::{NewPasswordView, Why, new_password_page};
pub use new_token::new_token_page;
pub use new_webhook::new_webhook_page;
pub use oidc::{OidcStage, OidcView, oidc_page};
pub use program::{ProgramView, program_page};
pub use register::register_page;
pub use second_factor::{SecondFactorStage, SecondFactorView, SignInCodeView, second_factor_page, sign_in_code_page};
pub use sign_in::{SignInView, sign_in_page};
