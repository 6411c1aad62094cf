//! Labels of picture files in a CSV file: `file,label` lines.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::error::{DataError, broken};
use super::folder::is_picture;

/// Name of the file that labels the pictures of its folder.
pub(super) const FILE: &str = "labels.csv";

/// Whether the name is that of a CSV file.
pub(super) fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// What a CSV file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    /// Files and the indices of their classes, in the order of the lines.
    pub(super) rows: Vec<(String, usize)>,
    /// Names of the classes, where the labels are not numbers.
    pub(super) classes: Option<Vec<String>>,
}

impl Labels {
    /// Reads `file,label` lines. Numbers are class indices; names are numbered in their sorted order. A first line that
    /// names no picture is a heading.
    ///
    /// # Errors
    /// When the file cannot be read, or when a line has not two fields.
    pub(super) fn read(csv: &Path) -> Result<Self, DataError> {
        let text = fs::read_to_string(csv).map_err(|error| broken(csv, error))?;
        Self::parse(&text).map_err(|reason| broken(csv, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut rows = Vec::new();
        let text = text.trim_start_matches('\u{feff}');
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match <[String; 2]>::try_from(fields(line)) {
                Ok([file, _]) if number == 0 && !is_picture(Path::new(&file)) => {}
                Ok([_, label]) if label.is_empty() => return Err(format!("line {} has no label", number + 1)),
                Ok([file, label]) => rows.push((file, label)),
                Err(_) => return Err(format!("line {} is not 'file,label'", number + 1)),
            }
        }
        let numbers: Option<Vec<usize>> = rows.iter().map(|(_, label)| label.parse().ok()).collect();
        if let Some(numbers) = numbers {
            let rows = rows.into_iter().zip(numbers).map(|((file, _), label)| (file, label)).collect();
            return Ok(Self { rows, classes: None });
        }
        let classes: BTreeSet<String> = rows.iter().map(|(_, label)| label.clone()).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        let index = |label: &String| classes.partition_point(|class| class < label);
        let rows = rows.iter().map(|(file, label)| (file.clone(), index(label))).collect();
        Ok(Self { rows, classes: Some(classes) })
    }
}

/// The fields of a line; in quotes, a comma is part of a field, and a quote written twice is a quote.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let (mut quoted, mut before) = (false, None);
    for character in line.chars() {
        match (character, fields.last_mut()) {
            (',', _) if !quoted => fields.push(String::new()),
            ('"', Some(field)) => {
                if !quoted && before == Some('"') {
                    field.push('"');
                }
                quoted = !quoted;
            }
            (_, Some(field)) => field.push(character),
            (_, None) => {}
        }
        before = Some(character);
    }
    fields.into_iter().map(|field| field.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(String, usize)> {
        Labels::parse(text).unwrap().rows
    }

    fn row(file: &str, label: usize) -> (String, usize) {
        (file.to_owned(), label)
    }

    #[test]
    fn numbers_are_indices_and_names_are_sorted() {
        let numbers = Labels::parse("file,label\nb.png,7\na.png,0\n").unwrap();
        assert_eq!(numbers, Labels { rows: vec![row("b.png", 7), row("a.png", 0)], classes: None });
        let names = Labels::parse("b.png, \"spam\"\r\na.png, ham\r\n\r\nc.png,spam").unwrap();
        assert_eq!(names.rows, [row("b.png", 1), row("a.png", 0), row("c.png", 1)]);
        assert_eq!(names.classes.unwrap(), ["ham", "spam"]);
    }

    #[test]
    fn quotes_protect_commas_and_quotes() {
        assert_eq!(rows("\"a, b.png\",1"), [row("a, b.png", 1)]);
        assert_eq!(rows("\"the \"\"best\"\".png\",1"), [row("the \"best\".png", 1)]);
    }

    #[test]
    fn a_byte_order_mark_and_a_heading_are_no_rows() {
        assert_eq!(rows("\u{feff}Filename,Class\na.png,1"), [row("a.png", 1)]);
    }

    #[test]
    fn a_line_that_labels_nothing_is_named() {
        for (text, reason) in [
            ("file,label\nb.png\n", "line 2 is not"),
            ("a.png,1\n\nb.png,", "line 3 has no label"),
            ("a.png,1,2", "line 1 is not"),
        ] {
            let error = Labels::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
