//! Which paths a Rust file names, and on which lines.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path that a file names, such as `crate::config::Policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    /// Its segments.
    pub segments: Vec<String>,
    /// The line of its last segment, counted from 1.
    pub line: usize,
    /// Whether it stands behind `#[cfg(test)]`.
    pub in_tests: bool,
}

/// Everything that a file imports, groups expanded, and every other path of two segments or more.
pub fn named_paths(source: &str) -> Vec<NamedPath> {
    let mut tokens = Vec::new();
    flatten(TokenStream::from_str(source).expect("it compiles, so it is Rust"), &mut tokens);
    let texts: Vec<&str> = tokens.iter().map(|(text, _)| text.as_str()).collect();
    let tests = texts.windows(4).position(|window| window == ["cfg", "(", "test", ")"]).unwrap_or(texts.len());
    let mut paths = Vec::new();
    let mut at = 0;
    while at < texts.len() {
        let before = at.checked_sub(1).map_or("", |before| texts[before]);
        if !is_name(texts[at]) || before == "." {
            at += 1;
            continue;
        }
        let mut found = Vec::new();
        let end = read_path(&texts, at, &[], &mut found);
        // One name alone is a local one, unless it is imported.
        let told = found.into_iter().filter(|(segments, _)| before == "use" || segments.len() > 1);
        paths.extend(told.map(|(segments, last)| NamedPath {
            segments: segments.into_iter().map(str::to_owned).collect(),
            line: tokens[last].1,
            in_tests: last > tests,
        }));
        at = end;
    }
    paths
}

/// The tokens with their lines: names, punctuation with `::` as one, brackets. Literals and comments are left out.
fn flatten(stream: TokenStream, tokens: &mut Vec<(String, usize)>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(name) => tokens.push((name.to_string(), line)),
            TokenTree::Punct(mark) => match tokens.last_mut() {
                Some((text, _)) if mark.as_char() == ':' && text == ":" => text.push(':'),
                _ => tokens.push((mark.as_char().to_string(), line)),
            },
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::None => ("", ""),
                };
                tokens.push((open.to_owned(), line));
                flatten(group.stream(), tokens);
                tokens.push((close.to_owned(), line));
            }
            TokenTree::Literal(_) => {}
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// A path's segments and the index of its last token.
type Found<'a> = (Vec<&'a str>, usize);

/// Reads the path that starts at `at` below `prefix`; returns where it ends.
fn read_path<'a>(texts: &[&'a str], mut at: usize, prefix: &[&'a str], found: &mut Vec<Found<'a>>) -> usize {
    let mut segments = prefix.to_vec();
    loop {
        segments.push(texts[at]);
        let next = |distance: usize| texts.get(at + distance).copied().unwrap_or_default();
        match (next(1), next(2)) {
            ("::", "{") => return read_group(texts, at + 3, &segments, found),
            ("::", name) if is_name(name) => at += 2,
            _ => break,
        }
    }
    found.push((segments, at));
    at + 1
}

/// Reads `a, b::c as d, e::{f, g}}` below `prefix`; returns where it ends.
fn read_group<'a>(texts: &[&'a str], mut at: usize, prefix: &[&'a str], found: &mut Vec<Found<'a>>) -> usize {
    while at < texts.len() && texts[at] != "}" {
        at = match texts[at] {
            "as" => at + 2,
            name if is_name(name) => read_path(texts, at, prefix, found),
            _ => at + 1,
        };
    }
    at + 1
}
