//! Messages in a file: TSV (`label<TAB>text`), CSV with a heading, or JSON lines; UTF-8, plain or gzip.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::error::{DataError, broken};
use super::file::file_name;
use super::names;

/// The most bytes of a file, once it is unpacked.
const LARGEST_FILE: u64 = 1 << 30;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What is written.
    pub text: String,
    /// Index of its class, where the file says it.
    pub label: Option<usize>,
    /// The line of the file on which it begins, from 1 on.
    pub line: usize,
}

/// The messages of a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    messages: Vec<Message>,
    classes: Option<Vec<String>>,
}

impl Messages {
    /// Reads a file whose name ends in `.tsv`, `.csv`, `.jsonl` or `.ndjson`, with or without `.gz`; without such an
    /// ending it is TSV.
    ///
    /// A label is a class's name or index. `classes` are their names in order; without them they come from the file
    /// `classes.txt` beside the data, and without that the names that occur are numbered in their sorted order.
    ///
    /// # Errors
    /// When the file cannot be read, is no UTF-8, holds no message, or has a line that is not as its format says or a
    /// label that is no class; with the number of the line.
    pub fn read(path: &Path, classes: Option<&[String]>) -> Result<Self, DataError> {
        let classes = classes.map(<[String]>::to_vec).or_else(|| names::of(path));
        let rows = rows(path)?;
        if rows.is_empty() {
            return Err(broken(path, "it holds no message"));
        }
        Self::label(rows, classes).map_err(|reason| broken(path, reason))
    }

    fn label(rows: Vec<Row>, classes: Option<Vec<String>>) -> Result<Self, String> {
        let labels = || rows.iter().filter_map(|row| row.label.as_ref());
        let named: BTreeSet<&String> = labels().filter(|label| label.parse::<usize>().is_err()).collect();
        // Where all labels are numbers, they are indices of classes that have no names.
        let classes = classes
            .or_else(|| (!named.is_empty()).then(|| labels().cloned().collect::<BTreeSet<_>>().into_iter().collect()));
        let index = |label: &String, line: usize| {
            let Some(classes) = &classes else { return label.parse().map_err(|_| wrong_label(label, line, &[])) };
            let by_name = classes.iter().position(|class| class == label);
            let found = by_name.or_else(|| label.parse().ok().filter(|&index| index < classes.len()));
            found.ok_or_else(|| wrong_label(label, line, classes))
        };
        let message = |row: &Row| {
            let label = row.label.as_ref().map(|label| index(label, row.line)).transpose()?;
            Ok(Message { text: row.text.clone(), label, line: row.line })
        };
        let messages = rows.iter().map(message).collect::<Result<_, String>>()?;
        Ok(Self { messages, classes })
    }

    /// All of them.
    pub fn all(&self) -> &[Message] {
        &self.messages
    }

    /// The names of the classes in the order of their indices, where there are names.
    pub fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }
}

fn wrong_label(label: &str, line: usize, classes: &[String]) -> String {
    format!("the label '{label}' of line {line} is none of the classes {}", classes.join(", "))
}

/// A message with its label as it is written.
struct Row {
    text: String,
    label: Option<String>,
    line: usize,
}

fn rows(path: &Path) -> Result<Vec<Row>, DataError> {
    let name = file_name(path).to_ascii_lowercase();
    let (name, is_packed) = name.strip_suffix(".gz").map_or((name.as_str(), false), |name| (name, true));
    let file = File::open(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    let unpacked: Box<dyn Read> = if is_packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let reader = BufReader::new(unpacked.take(LARGEST_FILE));
    let rows = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => csv_rows(reader),
        Some("jsonl" | "ndjson") => json_rows(reader),
        _ => tsv_rows(reader),
    };
    rows.map_err(|reason| broken(path, reason))
}

/// The lines that are not empty, with their numbers.
fn lines(mut reader: impl BufRead) -> impl Iterator<Item = Result<(usize, String), String>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            let mut line = vec![];
            number += 1;
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(format!("line {number} cannot be read: {error}"))),
            }
            let Ok(line) = String::from_utf8(line) else { return Some(Err(not_utf8(number as u64))) };
            let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { &line };
            let line = line.trim_end_matches(['\r', '\n']);
            if !line.is_empty() {
                return Some(Ok((number, line.to_owned())));
            }
        }
    })
}

fn not_utf8(line: u64) -> String {
    format!("line {line} is not UTF-8; convert the file, with iconv for example")
}

fn tsv_rows(reader: impl BufRead) -> Result<Vec<Row>, String> {
    let mut rows = vec![];
    for line in lines(reader) {
        let (line, row) = line?;
        match row.split_once('\t') {
            Some(("label", "text")) if rows.is_empty() => {}
            Some(("", _)) => return Err(format!("line {line} has no label")),
            Some((label, text)) => rows.push(Row { text: text.to_owned(), label: Some(label.to_owned()), line }),
            None => return Err(format!("line {line} is not 'label<TAB>text'")),
        }
    }
    Ok(rows)
}

fn json_rows(reader: impl BufRead) -> Result<Vec<Row>, String> {
    #[derive(Deserialize)]
    struct Object {
        text: String,
        label: Option<serde_json::Value>,
    }
    let mut rows = vec![];
    for line in lines(reader) {
        let (line, row) = line?;
        let object: Object = serde_json::from_str(&row).map_err(|error| format!("line {line}: {error}"))?;
        let label = match object.label {
            None => None,
            Some(serde_json::Value::String(name)) => Some(name),
            Some(serde_json::Value::Number(index)) => Some(index.to_string()),
            Some(_) => return Err(format!("the label of line {line} is neither a name nor a number")),
        };
        rows.push(Row { text: object.text, label, line });
    }
    Ok(rows)
}

fn csv_rows(reader: impl Read) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_reader(reader);
    let heading = reader.headers().map_err(|error| csv_reason(&error))?;
    let column = |name| heading.iter().position(|field| field.trim_start_matches('\u{feff}').trim() == name);
    let (label, text) = (column("label"), column("text"));
    let text = text.ok_or("its first line must be a heading with 'text' and, if there are labels, 'label'")?;
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| csv_reason(&error))?;
        let line = record.position().map_or(0, |position| position.line() as usize);
        let field = |index| record.get(index).unwrap_or_default().to_owned();
        rows.push(Row { text: field(text), label: label.map(field), line });
    }
    Ok(rows)
}

fn csv_reason(error: &csv::Error) -> String {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => not_utf8(line),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line} has {len} fields, the heading {expected_len}")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn read(name: &str, bytes: &[u8], classes: Option<&[&str]>) -> Result<Messages, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let classes: Option<Vec<String>> =
            classes.map(|classes| classes.iter().map(|class| class.to_string()).collect());
        Messages::read(&path, classes.as_deref()).map_err(|error| error.to_string())
    }

    fn rows(messages: &Messages) -> Vec<(Option<usize>, &str, usize)> {
        messages.all().iter().map(|message| (message.label, message.text.as_str(), message.line)).collect()
    }

    #[test]
    fn every_format_gives_the_same_messages() {
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let tsv = "spam\tWin \"now\", ok?\r\n\nham\tçok güzel\n";
        let expected = [(Some(1), "Win \"now\", ok?"), (Some(0), "çok güzel")];
        for (name, bytes) in [
            ("SMSSpamCollection", tsv.into()),
            ("a.tsv", format!("\u{feff}label\ttext\n{tsv}").into_bytes()),
            ("a.TSV.gz", gzip(tsv.as_bytes())),
            ("a.csv", "label,text\nspam,\"Win \"\"now\"\", ok?\"\nham,çok güzel\n".into()),
            ("a.csv.gz", gzip("\u{feff}text,label\n\"Win \"\"now\"\", ok?\",spam\nçok güzel,ham".as_bytes())),
            (
                "a.jsonl",
                r#"{"text":"Win \"now\", ok?","label":"spam"}
                {"label":"ham","id":7,"text":"çok güzel"}"#
                    .into(),
            ),
        ] {
            let messages = read(name, &bytes, None).unwrap();
            let found: Vec<_> = rows(&messages).into_iter().map(|(label, text, _)| (label, text)).collect();
            assert_eq!(found, expected, "{name}");
            assert_eq!(messages.classes().unwrap(), ["ham", "spam"]);
        }
    }

    #[test]
    fn labels_are_names_in_a_stated_order_or_indices() {
        let stated = read("a.tsv", b"spam\ta\nham\tb\n0\tc\n", Some(&["spam", "ham"])).unwrap();
        assert_eq!(rows(&stated), [(Some(0), "a", 1), (Some(1), "b", 2), (Some(0), "c", 3)]);
        let indices = read("a.jsonl", b"{\"text\":\"a\",\"label\":3}\n{\"text\":\"b\"}", None).unwrap();
        assert_eq!((rows(&indices), indices.classes()), (vec![(Some(3), "a", 1), (None, "b", 2)], None));
    }

    #[test]
    fn a_message_of_several_lines_is_counted_from_its_first() {
        let messages = read("a.csv", b"text,label\n\"a\nb\",0\nc,1\n", None).unwrap();
        assert_eq!(rows(&messages), [(Some(0), "a\nb", 2), (Some(1), "c", 4)]);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let classes: Option<&[&str]> = Some(&["ham", "spam"]);
        for (name, bytes, reason) in [
            ("a.tsv", b"ham\ta\nno tab\n".as_slice(), "line 2 is not 'label<TAB>text'"),
            ("a.tsv", b"ham\ta\n\tb\n", "line 2 has no label"),
            ("a.tsv", b"ham\ta\n\nham\t\xff\n", "line 3 is not UTF-8"),
            ("a.tsv", b"egg\ta\n", "the label 'egg' of line 1 is none of the classes ham, spam"),
            ("a.tsv", b"2\ta\n", "the label '2' of line 1 is none"),
            ("a.tsv", b"\n\n", "holds no message"),
            ("a.csv", b"label,message\nham,a\n", "first line must be a heading"),
            ("a.csv", b"label,text\nham,a,b\n", "line 2 has 3 fields, the heading 2"),
            ("a.csv", b"label,text\nham,a\nham,\xff\n", "line 3 is not UTF-8"),
            ("a.jsonl", b"{\"text\":\"a\"}\n{\"label\":0}\n", "line 2: missing field `text`"),
            ("a.jsonl", b"{\"text\":\"a\",\"label\":[]}", "the label of line 1 is neither"),
            ("a.tsv.gz", b"ham\ta\n", "line 1 cannot be read"),
        ] {
            let error = read(name, bytes, classes).unwrap_err();
            assert!(error.contains(reason) && error.contains(name), "{error}");
        }
        assert!(matches!(Messages::read(Path::new("missing.tsv"), None), Err(DataError::Io { .. })));
    }
}
