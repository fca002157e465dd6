//! Both engines get the same schema: the same files, and in each the same statements about the same
//! tables and columns. Types and spelling may differ.

use crate::{text, tracked};

fn names(engine: &str) -> Vec<String> {
    let folder = format!("migrations/{engine}/");
    let mut names: Vec<String> =
        tracked().iter().filter_map(|file| file.strip_prefix(&folder)).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn each_migration_is_there_for_both_engines_and_has_a_larger_number() {
    let names = names("sqlite");
    assert_eq!(names, self::names("postgres"));
    assert!(!names.is_empty());
    let mut last = 0;
    for name in &names {
        let number: u32 = name.get(..4).and_then(|digits| digits.parse().ok()).expect("four digits");
        assert!(number > last && name[4..].starts_with('_') && name.ends_with(".sql"), "{name} after {last}");
        last = number;
    }
}

#[test]
fn both_engines_get_the_same_tables_and_columns() {
    for name in names("sqlite") {
        let of = |engine: &str| shape(&text(&format!("migrations/{engine}/{name}")).expect("SQL"));
        assert_eq!(of("sqlite"), of("postgres"), "{name}");
    }
}

/// What a migration does, without types: a table and its columns, or the beginning of any other
/// statement.
fn shape(sql: &str) -> Vec<String> {
    let sql: String = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let statements = sql.split(';').map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "));
    statements.filter(|statement| !statement.is_empty()).map(|statement| told(&statement)).collect()
}

fn told(statement: &str) -> String {
    let upper = statement.to_uppercase();
    if let (true, Some(open)) = (upper.starts_with("CREATE TABLE "), statement.find('(')) {
        let columns = parts(&statement[open + 1..statement.rfind(')').unwrap_or(statement.len())]);
        let columns: Vec<_> = columns.iter().filter_map(|column| column_name(column)).collect();
        return format!("{}({})", &statement[..open].trim(), columns.join(", "));
    }
    if upper.starts_with("ALTER TABLE ") || upper.starts_with("CREATE INDEX ") || upper.starts_with("DROP ") {
        let words: Vec<_> = statement.split(' ').take(6).collect();
        return words.join(" ");
    }
    statement.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn column_name(definition: &str) -> Option<&str> {
    let name = definition.split_whitespace().next()?;
    let constraint = ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"].contains(&name.to_uppercase().as_str());
    (!constraint && !name.to_uppercase().starts_with("UNIQUE(")).then_some(name)
}

/// Split at the commas outside of parentheses.
fn parts(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(list[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[from..].trim());
    parts
}

#[test]
fn columns_are_told_from_constraints_and_comments() {
    let sql = "-- a table\nCREATE TABLE a (id TEXT NOT NULL, b BIGINT REFERENCES c (x, y), -- one\n UNIQUE (id, b), PRIMARY KEY (id));\nCREATE INDEX i ON a (b);";
    assert_eq!(shape(sql), ["CREATE TABLE a(id, b)", "CREATE INDEX i ON a (b)"]);
    assert_eq!(shape("ALTER TABLE a ADD COLUMN c TEXT NOT NULL DEFAULT ''"), ["ALTER TABLE a ADD COLUMN c"]);
}
