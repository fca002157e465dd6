//! What the shell is told.

use std::process::ExitCode;

use crate::error::Failure;

pub(crate) const HELP: &str = "Exit status: 0 done; 1 the operation failed, or something unforeseen; \
2 what was typed is wrong; 3 not signed in or not allowed; 4 there is no such thing; \
5 refused as things are, or a field is wrong; 6 the panel is away or too busy, and trying again may help";

pub(crate) fn of(failure: &Failure) -> ExitCode {
    code(failure.status(), failure.is_passing()).into()
}

fn code(status: Option<u16>, passing: bool) -> u8 {
    match status {
        Some(401 | 403) => 3,
        Some(404) => 4,
        Some(409 | 422) => 5,
        Some(429 | 503) => 6,
        _ if passing => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn every_kind_of_refusal_has_its_number() {
        let of = |status| code(Some(status), false);
        assert_eq!([401, 403, 404, 409, 422, 429, 503, 500].map(of), [3, 3, 4, 5, 5, 6, 6, 1]);
        assert_eq!((code(None, true), code(None, false)), (6, 1));
    }
}
