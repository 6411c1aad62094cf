//! Tables of text and numbers.

use std::fmt;
use std::io::IsTerminal;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle, presets};

/// A rule above, below and under the headings.
const RULED: TableStyle = TableStyle::new().top_border(RULE).header_separator(RULE).bottom_border(RULE);
const RULE: LineStyle = LineStyle::none().fill('─').junction('─');

/// A column: its heading and on which side its cells stand.
#[derive(Debug, Clone)]
pub struct Column {
    heading: String,
    alignment: CellAlignment,
}

impl Column {
    /// A column of words, aligned left.
    pub fn text(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), alignment: CellAlignment::Left }
    }

    /// A column of numbers, aligned right.
    pub fn number(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), alignment: CellAlignment::Right }
    }
}

/// A table, ruled on a terminal and plain columns anywhere else.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// An empty table of a column of words and columns of numbers.
    pub fn with_numbers(words: &str, numbers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(std::iter::once(Column::text(words)).chain(numbers.into_iter().map(Column::number)))
    }

    /// Adds a row, a cell for each column.
    pub fn row<T: ToString>(&mut self, cells: impl IntoIterator<Item = T>) -> &mut Self {
        self.rows.push(cells.into_iter().map(|cell| cell.to_string()).collect());
        self
    }

    /// Headings and rows.
    pub(super) fn into_cells(self) -> (Vec<String>, Vec<Vec<String>>) {
        (self.columns.into_iter().map(|column| column.heading).collect(), self.rows)
    }

    /// The table as text, without a newline at its end.
    pub fn render(&self, on_terminal: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(if on_terminal { RULED } else { presets::NOTHING });
        table.set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
        let cell = |(text, column): (&String, &Column)| Cell::new(text).set_alignment(column.alignment);
        table.set_header(self.columns.iter().map(|column| cell((&column.heading, column))));
        for row in &self.rows {
            table.add_row(row.iter().zip(&self.columns).map(cell));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(std::io::stdout().is_terminal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([Column::text("attack"), Column::number("found"), Column::number("of")]);
        table.row(["fgsm8", "97.0%", "200"]).row(["carlini-wagner", "3.5%", "9"]);
        table
    }

    #[test]
    fn numbers_stand_on_the_right_and_pipes_get_no_rules() {
        insta::assert_snapshot!(table().render(false), @r"
        attack          found   of
        fgsm8           97.0%  200
        carlini-wagner   3.5%    9
        ");
    }

    #[test]
    fn a_terminal_gets_rules() {
        insta::assert_snapshot!(table().render(true), @r"
        ──────────────────────────────
        attack           found    of
        ──────────────────────────────
        fgsm8            97.0%   200
        carlini-wagner    3.5%     9
        ──────────────────────────────
        ");
    }
}
