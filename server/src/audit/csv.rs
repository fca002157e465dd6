//! Rows as comma-separated values (RFC 4180). Pure.

use umbel_app::shown::AuditShown;

pub const HEAD: &str =
    "number,at,account,name,action,kind,object,object_name,detail,via,address,outcome,reason,hash\r\n";

pub fn line(row: &AuditShown) -> String {
    let (number, at) = (row.number.to_string(), umbel_app::parts::time::iso(row.at));
    let texts = [
        number.as_str(),
        at.as_str(),
        row.account.as_deref().unwrap_or_default(),
        &row.name,
        &row.action,
        &row.kind,
        &row.object,
        &row.object_name,
        &row.detail,
        &row.via,
        &row.address,
        &row.outcome,
        &row.reason,
        &row.hash,
    ];
    texts.map(cell).join(",") + "\r\n"
}

/// Spreadsheets take what begins like a formula for one and would run it; an apostrophe before it says
/// that it is a text (OWASP, CSV injection).
pub fn cell(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let safe = if formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\r', '\n', ';', '\t']) || safe != text || safe.starts_with(' ') {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_a_cell_for_each_column() {
        let row = AuditShown { number: 7, name: "ada".into(), reason: "No, \"never\".".into(), ..Default::default() };
        assert_eq!(line(&row), "7,1970-01-01T00:00:00Z,,ada,,,,,,,,,\"No, \"\"never\"\".\",\r\n");
        assert_eq!(line(&AuditShown::default()).matches(',').count(), HEAD.matches(',').count());
    }

    #[test]
    fn what_looks_like_a_formula_is_a_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r1"] {
            assert_eq!(cell(text), format!("\"'{text}\""), "{text:?}");
        }
        assert_eq!(cell("a=1"), "a=1");
    }

    proptest! {
        #[test]
        fn no_cell_begins_a_formula_or_another_cell(text in "[=+@,;\" a\t-]{0,12}") {
            let cell = cell(&text);
            let inside = cell.strip_prefix('"').and_then(|c| c.strip_suffix('"')).map(|c| c.replace("\"\"", "\""));
            let inside = inside.unwrap_or(cell);
            prop_assert!(!inside.trim_start().starts_with(['=', '+', '-', '@']));
            let marked = ["'", text.as_str()].concat();
            prop_assert!(inside == text || inside == marked);
        }
    }
}
