use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::document::{escape, wide_document};

/// The description of the API for people: every operation with what it takes and answers, then every type.
/// `api` is an OpenAPI 3.1 document; what this page doesn't know in it is left out.
pub fn api_page(api: &Value, address: &str, nonce: &str) -> String {
    let mut body = prose(&api["info"]["description"]);
    let address = escape(address);
    let _ = write!(body, r#"<p>For programs: <a href="{address}">{address}</a>, OpenAPI 3.1.</p>{}"#, "\n");
    let _ = write!(body, "<h2>Ways in</h2>\n<dl class=\"api-ways\">");
    for (name, way) in entries(&api["components"]["securitySchemes"]) {
        let _ = write!(body, "<dt>{}</dt><dd>{}</dd>", escape(name), prose(&way["description"]));
    }
    body.push_str("</dl>\n");
    for (noun, operations) in by_noun(api) {
        let _ = writeln!(body, "<section class=\"api-part\"><h2>{}</h2>", escape(&noun));
        operations.iter().for_each(|operation| body.push_str(&operation.html(api)));
        body.push_str("</section>\n");
    }
    body.push_str("<section class=\"api-part\"><h2>Types</h2>\n");
    for (name, schema) in entries(&api["components"]["schemas"]) {
        let name = escape(name);
        let head = format!(r#"<details class="api-item" id="type-{name}"><summary><code>{name}</code></summary>"#);
        let _ = write!(body, "{head}\n{}{}</details>\n", prose(&schema["description"]), fields(schema));
    }
    body.push_str("</section>\n");
    wide_document("The API", nonce, &body)
}

/// One thing that can be asked.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    said: &'a Value,
}

/// In the order of the document, under the noun that each is about.
fn by_noun(api: &Value) -> Vec<(String, Vec<Operation<'_>>)> {
    let mut nouns: Vec<(String, Vec<Operation<'_>>)> = Vec::new();
    for (path, item) in entries(&api["paths"]) {
        for (method, said) in entries(item).filter(|(_, said)| said["operationId"].is_string()) {
            let noun = said["tags"][0].as_str().unwrap_or("others").to_owned();
            let operation = Operation { method, path, said };
            match nouns.iter_mut().find(|(known, _)| *known == noun) {
                Some((_, operations)) => operations.push(operation),
                None => nouns.push((noun, vec![operation])),
            }
        }
    }
    nouns
}

impl Operation<'_> {
    fn html(&self, api: &Value) -> String {
        let Self { method, path, said } = self;
        let (id, method, path) = (text(&said["operationId"]), escape(&method.to_uppercase()), escape(path));
        let mut html =
            format!(r#"<details class="api-item" id="{id}"><summary><code class="api-method">{method}</code> "#);
        let _ = writeln!(
            html,
            "<code>{path}</code> <span class=\"api-summary\">{}</span></summary>",
            text(&said["summary"])
        );
        html.push_str(&prose(&said["description"]));
        let _ = writeln!(html, "<p>{}</p>", needs(&said["security"]));
        let parameters = said["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !parameters.is_empty() {
            html.push_str("<h3>Parameters</h3>\n");
            let rows = parameters.iter().map(|parameter| {
                let place = if parameter["in"] == "path" { "in the path" } else { "in the query" };
                let about = with_optional(place.to_owned(), parameter["required"] == true);
                let what = prose(&parameter["description"]);
                [code(&parameter["name"]), type_of(&parameter["schema"]), about, what]
            });
            html.push_str(&table(rows));
        }
        if let Some((kind, content)) = entries(&said["requestBody"]["content"]).next() {
            let _ = write!(html, "<h3>Body</h3>\n<p>{} as {}</p>\n", type_of(&content["schema"]), escape(kind));
        }
        html.push_str("<h3>Answers</h3>\n");
        html.push_str(&table(entries(&said["responses"]).map(|(status, answer)| answer_row(api, status, answer))));
        html.push_str("</details>\n");
        html
    }
}

fn answer_row(api: &Value, status: &str, answer: &Value) -> [String; 4] {
    let answer = answer["$ref"].as_str().and_then(|to| api.pointer(to.strip_prefix('#')?)).unwrap_or(answer);
    let (kinds, types): (Vec<_>, Vec<_>) =
        entries(&answer["content"]).map(|(kind, content)| (escape(kind), type_of(&content["schema"]))).unzip();
    [format!("<code>{}</code>", escape(status)), types.join(" or "), kinds.join(" or "), prose(&answer["description"])]
}

/// Who may ask, as far as tokens go.
fn needs(security: &Value) -> String {
    let ways = security.as_array().map(Vec::as_slice).unwrap_or_default();
    let scope = ways.iter().find_map(|way| way["token"][0].as_str());
    match scope {
        Some(scope) => format!("For a sign-in, or a token with the scope <code>{}</code>.", escape(scope)),
        None if ways.iter().all(|way| entries(way).next().is_none()) => "For everybody.".to_owned(),
        None => "For a sign-in; no token is good for it.".to_owned(),
    }
}

/// What a type is made of: its fields, its words, or what it is instead.
fn fields(schema: &Value) -> String {
    let own = entries(&schema["properties"]).map(|(name, field)| {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
        let (is, limits) = (type_of(field), limits(field));
        [format!("<code>{}</code>", escape(name)), is, with_optional(limits, required), prose(&field["description"])]
    });
    let own: Vec<_> = own.collect();
    let mut html = if own.is_empty() { String::new() } else { table(own.into_iter()) };
    for part in ["allOf", "oneOf", "anyOf"] {
        let parts = schema[part].as_array().map(Vec::as_slice).unwrap_or_default();
        for (number, one) in parts.iter().enumerate() {
            let word = if part == "allOf" {
                "with"
            } else if number == 0 {
                "either"
            } else {
                "or"
            };
            let _ = write!(
                html,
                "<p class=\"api-either\">{word} {}</p>\n{}",
                prose_inline(&one["description"]),
                fields(one)
            );
        }
    }
    if html.is_empty() { format!("<p>{} {}</p>\n", type_of(schema), limits(schema)) } else { html }
}

/// A type in a few words, with a link where it has a name.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#type-{name}\"><code>{name}</code></a>");
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[part].as_array() {
            let joined = if part == "allOf" { " with " } else { " or " };
            return parts.iter().map(type_of).collect::<Vec<_>>().join(joined);
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(code).collect::<Vec<_>>().join(" ");
    }
    if schema["items"].is_object() {
        return format!("list of {}", type_of(&schema["items"]));
    }
    match &schema["type"] {
        Value::String(one) => escape(one),
        Value::Array(several) => several.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}

fn limits(schema: &Value) -> String {
    let known = [("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"), ("pattern", "like")];
    let said = known.iter().filter_map(|(name, word)| match &schema[*name] {
        Value::Null => None,
        value => Some(format!("{word} {} ", code(value))),
    });
    said.collect()
}

fn with_optional(about: String, required: bool) -> String {
    match (about.trim_end(), required) {
        (about, true) => about.to_owned(),
        ("", false) => "may be left out".to_owned(),
        (about, false) => format!("{about}, may be left out"),
    }
}

fn table(rows: impl Iterator<Item = [String; 4]>) -> String {
    let rows: String = rows.map(|cells| format!("<tr><td>{}</td></tr>\n", cells.join("</td><td>"))).collect();
    format!("<div class=\"api-table\"><table class=\"table\"><tbody>\n{rows}</tbody></table></div>\n")
}

fn code(value: &Value) -> String {
    format!("<code>{}</code>", text(value))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

/// Paragraphs, and what stands in backquotes as code.
fn prose(value: &Value) -> String {
    let paragraphs = value.as_str().unwrap_or_default().split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>\n", inline(paragraph))).collect()
}

fn prose_inline(value: &Value) -> String {
    inline(value.as_str().unwrap_or_default())
}

fn inline(text: &str) -> String {
    let mut html = String::new();
    for (number, piece) in text.split('`').enumerate() {
        let piece = escape(piece);
        let _ = if number % 2 == 1 { write!(html, "<code>{piece}</code>") } else { write!(html, "{piece}") };
    }
    html
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_says_what_it_takes_and_nothing_becomes_markup() {
        let api = json!({
            "paths": {"/api/v1/guests/{guest}": {"get": {
                "tags": ["guests"], "operationId": "guests_fetch", "summary": "One <guest>.",
                "security": [{"session": []}, {"token": ["read"]}],
                "parameters": [{"name": "guest", "in": "path", "required": true, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "As `it` is.", "content": {"application/json": {"schema":
                    {"$ref": "#/components/schemas/Guest"}}}}, "404": {"$ref": "#/components/responses/NotFound"}},
            }}},
            "components": {
                "responses": {"NotFound": {"description": "There is none."}},
                "schemas": {"Guest": {"type": "object", "required": ["name"], "properties":
                    {"name": {"type": "string"}, "note": {"type": ["string", "null"], "maxLength": 9}}}},
            },
        });
        let page = api_page(&api, "/api/v1/openapi.json", "n");
        for part in [
            "id=\"guests_fetch\"",
            "One &lt;guest&gt;.",
            "the scope <code>read</code>",
            "As <code>it</code> is.",
            "There is none.",
            "href=\"#type-Guest\"",
            "id=\"type-Guest\"",
            "string or null",
            "at most <code>9</code>",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("<guest>"));
    }
}
