//! The reference of all keys, made of the annotated example, which the tests hold against the reader.

/// The annotated example: every key with its meaning, its unit and its default.
pub const EXAMPLE: &str = include_str!("../../deploy/examples/portcullis.toml");

/// The reference of all keys, as Markdown: a chapter a table, a section a key.
pub fn configuration_reference() -> String {
    let mut reference = String::from(
        "# Configuration\n\nEvery key, as `portcullis reference configuration` prints it; `portcullis config example` prints the \
         same as a file to start from. Relative paths start from the file's folder. A key `server.listen` is overridden by the \
         variable `PORTCULLIS_SERVER__LISTEN`, and that by the flag `--set server.listen=...`; a model, student or detector is \
         found by its index or its name (`models.signs.policy`).\n",
    );
    let mut table = "";
    let mut prose = Vec::new();
    // The introduction, up to the first empty line, explains the notation.
    for line in EXAMPLE.lines().skip_while(|line| !line.is_empty()).map(Line::of) {
        match line {
            Line::Table(name) => {
                table = name;
                reference += &format!("\n## `[{table}]`\n");
                paragraph(&mut reference, &mut prose);
            }
            Line::Key { key, value, is_default } => {
                let what = if is_default { "Default" } else { "Example" };
                reference += &format!("\n### `{table}.{key}`\n");
                paragraph(&mut reference, &mut prose);
                reference += &format!("\n{what}: `{value}`\n");
            }
            Line::Prose(text) => prose.push(text),
            Line::Blank => paragraph(&mut reference, &mut prose),
        }
    }
    reference
}

fn paragraph(reference: &mut String, prose: &mut Vec<&str>) {
    if !prose.is_empty() {
        *reference += &format!("\n{}\n", escaped(&prose.join("\n")));
        prose.clear();
    }
}

/// The text without what Markdown would take for more than text.
fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('<', "&lt;")
}

/// A line of the example.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Table(&'a str),
    Key { key: &'a str, value: &'a str, is_default: bool },
    Prose(&'a str),
    Blank,
}

impl<'a> Line<'a> {
    /// What it is: `#key = value` is a default, `key = value` and `# key = value` are examples.
    fn of(line: &'a str) -> Self {
        let default = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        let text = default.or_else(|| line.strip_prefix("# ")).unwrap_or(line);
        if text.is_empty() || text == "#" {
            return Self::Blank;
        }
        if let Some(name) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return Self::Table(name.trim_matches(['[', ']']));
        }
        let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match text.split_once(" = ").filter(|(key, _)| is_key(key)) {
            Some((key, value)) => Self::Key { key, value, is_default: default.is_some() },
            None => Self::Prose(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(Line::of("# [server.tls]"), Line::Table("server.tls"));
        assert_eq!(Line::of("[[models]]"), Line::Table("models"));
        assert_eq!(Line::of("#queue = 1024"), Line::Key { key: "queue", value: "1024", is_default: true });
        assert_eq!(Line::of("# ca = \"a\""), Line::Key { key: "ca", value: "\"a\"", is_default: false });
        assert_eq!(Line::of("# `a = b` is prose."), Line::Prose("`a = b` is prose."));
        assert_eq!(Line::of(""), Line::Blank);
    }
}
