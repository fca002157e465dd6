use std::fmt::Write as _;

use umbel_guest::FieldErrors;

use super::document::{Field, document, escape, form_errors, step_form};
use crate::paths;
use crate::shown::SecondFactorStart;

/// The second half of a sign-in: fields `code`, `next`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInCodeView {
    /// Where to go afterwards; made safe by [`paths::safe_next`] here too.
    pub next: String,
    pub errors: FieldErrors,
}

pub fn sign_in_code_page(view: &SignInCodeView, nonce: &str) -> String {
    let mut body = form_errors(&view.errors, &["code"]);
    // Writing to a String can't fail.
    let _ = write!(
        body,
        "<form method=\"post\" action=\"{}\">\n{}<input type=\"hidden\" name=\"next\" value=\"{}\">\n\
         <button class=\"button primary\" type=\"submit\">Sign in</button>\n\
         <a class=\"button\" href=\"{}\">Begin again</a>\n</form>\n\
         <p class=\"hint\">Without app and recovery codes, an administrator can reset your second factor.</p>\n",
        paths::SIGN_IN_CODE,
        Field::CODE.html(&view.errors, true),
        escape(paths::safe_next(&view.next)),
        paths::SIGN_IN,
    );
    document("Second factor", nonce, &body)
}

/// What is to be seen of one's own second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactorStage {
    Off,
    /// A secret waits for its first code; it is shown once, with `qr`, an SVG of the panel's own making.
    Confirm(Option<(SecondFactorStart, String)>),
    On {
        codes_left: u32,
    },
    /// It has just been switched on.
    Codes(Vec<String>),
}

/// One's own second factor: fields `step` (`begin`, `confirm`, `disable`) and `code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorView {
    pub stage: SecondFactorStage,
    pub errors: FieldErrors,
}

pub fn second_factor_page(view: &SecondFactorView, nonce: &str) -> String {
    let mut body = form_errors(&view.errors, &["code"]);
    match &view.stage {
        SecondFactorStage::Off => {
            body.push_str(
                "<p>With a second factor a sign-in asks for your password and for a code that an app on your \
                 telephone shows. Your other sign-ins end when it is switched on.</p>\n",
            );
            body.push_str(&form("begin", "", "Show me a secret", "class=\"button primary\""));
        }
        SecondFactorStage::Confirm(start) => {
            match start {
                Some((start, qr)) => body.push_str(&format!(
                    "<p>Scan this with your app, or type the secret into it. It is shown only now.</p>\n\
                     <div class=\"qr\">{qr}</div>\n<p><code class=\"secret\">{}</code></p>\n",
                    escape(&in_fours(&start.secret))
                )),
                None => body.push_str(
                    "<p>Type the code that your app shows for the secret you were given, or begin anew with another \
                     one.</p>\n",
                ),
            }
            let field = Field { hint: "Six digits out of your app.", ..Field::CODE };
            body.push_str(&form("confirm", &field.html(&view.errors, true), "Switch on", "class=\"button primary\""));
            if start.is_none() {
                body.push_str(&form("begin", "", "Begin anew", "class=\"button\""));
            }
        }
        SecondFactorStage::On { codes_left } => {
            let codes = if *codes_left == 1 { "code is" } else { "codes are" };
            body.push_str(&format!(
                "<p>It is on: a sign-in asks for a code. {codes_left} recovery {codes} left; new ones come with \
                 switching it off and on again.</p>\n"
            ));
            let field = Field { hint: "Out of your app, or a recovery code.", ..Field::CODE };
            body.push_str(&form("disable", &field.html(&view.errors, true), "Switch off", "class=\"button danger\""));
        }
        SecondFactorStage::Codes(codes) => {
            body.push_str(
                "<p>It is on. Each of these recovery codes signs you in once without the app. They are shown only \
                 now: keep them where you find them without your telephone.</p>\n<pre class=\"secret\">",
            );
            body.push_str(&escape(&codes.join("\n")));
            body.push_str("</pre>\n");
        }
    }
    body.push_str(&format!("<p><a class=\"button\" href=\"{}\">Back to your account</a></p>\n", paths::ACCOUNT));
    document("Second factor", nonce, &body)
}

fn form(step: &str, fields: &str, words: &str, look: &str) -> String {
    step_form(paths::SECOND_FACTOR, step, fields, words, look)
}

/// As people read it out and type it.
fn in_fours(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(stage: SecondFactorStage) -> String {
        second_factor_page(&SecondFactorView { stage, errors: FieldErrors::default() }, "n")
    }

    #[test]
    fn each_stage_asks_for_what_comes_next() {
        assert!(page(SecondFactorStage::Off).contains("value=\"begin\""));
        let start = SecondFactorStart { secret: "ABCDEFGH".into(), uri: "otpauth://".into() };
        let shown = page(SecondFactorStage::Confirm(Some((start, "<svg/>".into()))));
        assert!(shown.contains("ABCD EFGH") && shown.contains("<svg/>") && shown.contains("value=\"confirm\""));
        assert!(page(SecondFactorStage::Confirm(None)).contains("Begin anew"));
        assert!(page(SecondFactorStage::On { codes_left: 1 }).contains("1 recovery code is left"));
        assert!(page(SecondFactorStage::Codes(vec!["aaaa-bbbb".into()])).contains("aaaa-bbbb"));
    }

    #[test]
    fn nobody_is_led_elsewhere_after_the_code() {
        let view = SignInCodeView { next: "//evil.example".into(), ..SignInCodeView::default() };
        assert!(!sign_in_code_page(&view, "n").contains("evil"));
    }
}
