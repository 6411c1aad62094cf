//! Marks in a terminal, in one line: in colour, or by the signs of `wdiff`.

use super::align::Change;
use super::marks::{Marks, Part, Piece, Run};
use super::signs::code;

const RESET: &str = "\u{1b}[0m";

impl Marks {
    /// The marks as one line, whatever is in the texts: line ends become arrows, and no character of theirs is left that
    /// a terminal obeys. Without colours `[-this-]` is gone and `{+this+}` has come.
    pub fn in_line(&self, coloured: bool) -> String {
        self.parts.iter().map(|part| if coloured { in_colour(part) } else { in_brackets(part) }).collect()
    }
}

fn in_brackets(part: &Part) -> String {
    let text: String = part.runs.iter().flat_map(|run| &run.pieces).map(plain).collect();
    match part.change {
        Change::Same => text,
        Change::Gone => format!("[-{text}-]"),
        Change::Come => format!("{{+{text}+}}"),
    }
}

fn in_colour(part: &Part) -> String {
    let colour = match part.change {
        Change::Same => "",
        Change::Gone => "\u{1b}[31m",
        Change::Come => "\u{1b}[32m",
    };
    let run = |run: &Run| {
        let stress = if run.stressed { "\u{1b}[1;4m" } else { "" };
        let piece = |piece: &Piece| match piece {
            Piece::Plain(_) => plain(piece),
            Piece::Hidden(..) => format!("\u{1b}[33m{}{RESET}{colour}{stress}", plain(piece)),
            Piece::Disguised(_) => format!("\u{1b}[33;4m{}{RESET}{colour}{stress}", plain(piece)),
            Piece::LeftOut(_) => format!("\u{1b}[2m{}{RESET}{colour}{stress}", plain(piece)),
        };
        let text: String = run.pieces.iter().map(piece).collect();
        let is_marked = part.change != Change::Same;
        if is_marked { format!("{colour}{stress}{text}{RESET}") } else { text }
    };
    part.runs.iter().map(run).collect()
}

/// A piece without what a terminal would obey.
fn plain(piece: &Piece) -> String {
    match piece {
        Piece::Plain(text) => text.chars().map(obedient).collect(),
        Piece::Hidden(..) => format!("<{}>", piece.shown()),
        Piece::Disguised(_) | Piece::LeftOut(_) => piece.shown(),
    }
}

fn obedient(character: char) -> String {
    match character {
        '\n' => "↵ ".to_owned(),
        '\t' => " ".to_owned(),
        character if character.is_control() => format!("<{}>", code(character)),
        character => character.to_string(),
    }
}
