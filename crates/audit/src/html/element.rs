//! Elements as text: escaped, closed, well-formed.

/// Text as it may stand in an element or an attribute. Characters that XML forbids become blanks.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An element around content that is markup already.
pub(super) fn element(name: &str, attributes: &[(&str, &str)], content: &str) -> String {
    let attributes: String = attributes
        .iter()
        .map(|(key, value)| format!(" {key}=\"{}\"", escape(value)))
        .collect();
    if content.is_empty() {
        format!("<{name}{attributes}/>")
    } else {
        format!("<{name}{attributes}>{content}</{name}>")
    }
}

/// An element around text.
pub(super) fn text(name: &str, content: &str) -> String {
    format!("<{name}>{}</{name}>", escape(content))
}

/// A list of texts.
pub(super) fn list(items: &[String]) -> String {
    let items: String = items.iter().map(|item| text("li", item)).collect();
    if items.is_empty() {
        items
    } else {
        element("ul", &[], &items)
    }
}

/// The most rows of a table; the JSON form has all.
pub(super) const ROWS: usize = 200;

/// A table of texts. Columns are to the right but for the first and those named with a leading `:`.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let words: Vec<bool> = headings.iter().map(|heading| heading.starts_with(':')).collect();
    let cell = |name: &str, column: usize, content: &str| {
        let class: &[(&str, &str)] = if words.get(column) == Some(&true) {
            &[("class", "words")]
        } else {
            &[]
        };
        // An empty cell is a pair of tags: HTML has no short form of it.
        let content = if content.is_empty() {
            "\u{a0}".to_owned()
        } else {
            escape(content)
        };
        element(name, class, &content)
    };
    let line = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells: String = cells
            .enumerate()
            .map(|(column, content)| cell(name, column, content))
            .collect();
        element("tr", &[], &cells)
    };
    let head = line(
        "th",
        &mut headings.iter().map(|heading| heading.trim_start_matches(':')),
    );
    let body: String = rows
        .iter()
        .take(ROWS)
        .map(|row| line("td", &mut row.iter().map(String::as_str)))
        .collect();
    let rest = rows.len().saturating_sub(ROWS);
    let note = if rest == 0 {
        String::new()
    } else {
        element(
            "p",
            &[("class", "quiet")],
            &format!("{rest} more are in the JSON form."),
        )
    };
    format!("<table><thead>{head}</thead><tbody>{body}</tbody></table>{note}")
}
