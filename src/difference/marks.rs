//! A difference as it is shown: in full where it is short, else with the middle of long stretches left out.

use std::ops::Range;
use std::time::Instant;

use super::align::{Change, Difference, Stretch};
use super::signs::{Found, Sign, code, find, nature};

/// Characters up to which everything is shown.
const WHOLE: usize = 800;
/// Characters that are shown of a long difference at most.
const MOST: usize = 2_000;
/// Of a long stretch so many characters are shown at its beginning, and so many at its end.
const HEAD: usize = 120;
const TAIL: usize = 60;

/// What is shown of two texts, or of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// The parts in reading order.
    pub parts: Vec<Part>,
}

/// A part of which one thing became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What became of it.
    pub change: Change,
    /// What it is made of.
    pub runs: Vec<Run>,
}

/// A run of characters that are stressed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Whether it is what differs within words that are alike.
    pub stressed: bool,
    /// What it is made of.
    pub pieces: Vec<Piece>,
}

/// Characters that look the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Characters as they are. None of them is a control but tabs and line ends, or turns the direction of writing.
    Plain(String),
    /// A character that nobody sees, and how often it is repeated.
    Hidden(char, usize),
    /// A letter that looks like others.
    Disguised(Sign),
    /// So many characters that are not shown.
    LeftOut(usize),
}

impl Marks {
    /// What changes from `before` to `after`. What is not aligned by the deadline counts as replaced as a whole.
    pub fn between(before: &str, after: &str, deadline: Instant) -> Self {
        Self::new(&Difference::between(before, after, deadline), &[find(before), find(after)])
    }

    /// One text.
    pub fn of(text: &str) -> Self {
        Self::new(&Difference::none(text), &[find(text), Vec::new()])
    }

    /// The first `most` characters of a text.
    pub fn beginning(text: &str, most: usize) -> Self {
        let Some((end, _)) = text.char_indices().nth(most) else { return Self::of(text) };
        let mut marks = Self::of(&text[..end]);
        let rest = Run { stressed: false, pieces: vec![Piece::LeftOut(text[end..].chars().count())] };
        marks.push(Change::Same, rest);
        marks
    }

    /// What there is to mark is `found` in the text before and in that after.
    fn new(difference: &Difference<'_>, found: &[Vec<Found>; 2]) -> Self {
        let mut marks = Self::default();
        let text_of = |stretch: &Stretch| &difference.text_of(stretch)[stretch.bytes.clone()];
        let lengths: Vec<usize> =
            difference.stretches().iter().map(|stretch| text_of(stretch).chars().count()).collect();
        let mut rest: usize = lengths.iter().sum();
        let (mut room, is_long) = (MOST, rest > WHOLE);
        for (stretch, length) in difference.stretches().iter().zip(lengths) {
            if room == 0 {
                marks.push(Change::Same, Run { stressed: false, pieces: vec![Piece::LeftOut(rest)] });
                break;
            }
            let left_out = if is_long { length.saturating_sub(HEAD + TAIL) } else { 0 };
            let shown = shown_of(text_of(stretch), left_out);
            let [head, tail] = shown.map(|part| pieces(difference, found, stretch, &part));
            let gap = (left_out > 0).then_some(Piece::LeftOut(left_out));
            let pieces = head.into_iter().chain(gap).chain(tail).collect();
            marks.push(stretch.change, Run { stressed: stretch.stressed, pieces });
            room = room.saturating_sub(length - left_out);
            rest -= length;
        }
        marks
    }

    fn push(&mut self, change: Change, run: Run) {
        match self.parts.last_mut().filter(|last| last.change == change) {
            Some(last) => last.runs.push(run),
            None => self.parts.push(Part { change, runs: vec![run] }),
        }
    }
}

/// The beginning and the end of a stretch, in its bytes, but for the characters between that are left out.
fn shown_of(text: &str, left_out: usize) -> [Range<usize>; 2] {
    if left_out == 0 {
        return [0..text.len(), 0..0];
    }
    let at = |character: usize| text.char_indices().nth(character).map_or(text.len(), |(at, _)| at);
    [0..at(HEAD), at(HEAD + left_out)..text.len()]
}

/// The pieces of a part of a stretch.
fn pieces(
    difference: &Difference<'_>,
    [before, after]: &[Vec<Found>; 2],
    stretch: &Stretch,
    part: &Range<usize>,
) -> Vec<Piece> {
    let (text, bytes) = (difference.text_of(stretch), &stretch.bytes);
    let found = if stretch.change == Change::Come { after } else { before };
    let (mut at, end) = (bytes.start + part.start, bytes.start + part.end);
    let first = found.partition_point(|found| found.bytes.start < at);
    let mut pieces = Vec::new();
    for Found { bytes, looks_like } in found[first..].iter().take_while(|found| found.bytes.start < end) {
        pieces.extend((at < bytes.start).then(|| Piece::Plain(text[at..bytes.start].to_owned())));
        at = bytes.end;
        let Some(character) = text[bytes.clone()].chars().next() else { continue };
        match (looks_like, pieces.last_mut()) {
            (Some(_), _) => {
                pieces.push(Piece::Disguised(Sign { character, looks_like: looks_like.clone(), count: 1 }));
            }
            (None, Some(Piece::Hidden(last, count))) if *last == character => *count += 1,
            (None, _) => pieces.push(Piece::Hidden(character, 1)),
        }
    }
    pieces.extend((at < end).then(|| Piece::Plain(text[at..end].to_owned())));
    pieces
}

impl Change {
    /// The element of HTML that says so.
    pub fn element(self) -> &'static str {
        match self {
            Self::Same => "span",
            Self::Gone => "del",
            Self::Come => "ins",
        }
    }
}

impl Piece {
    /// What is shown of it.
    pub fn shown(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Hidden(character, 1) => code(*character),
            Self::Hidden(character, count) => format!("{}×{count}", code(*character)),
            Self::Disguised(sign) => sign.character.to_string(),
            Self::LeftOut(1) => "… 1 character …".to_owned(),
            Self::LeftOut(count) => format!("… {count} characters …"),
        }
    }

    /// How it is marked on a page, where it is.
    pub fn class(&self) -> Option<&'static str> {
        match self {
            Self::Plain(_) => None,
            Self::Hidden(..) => Some("hidden-character"),
            Self::Disguised(_) => Some("disguised"),
            Self::LeftOut(_) => Some("left-out"),
        }
    }

    /// What there is to say about it.
    pub fn title(&self) -> String {
        match self {
            Self::Plain(_) => String::new(),
            Self::Hidden(character, _) => nature(*character).to_owned(),
            Self::Disguised(sign) => format!("{}, {}", sign.code(), sign.meaning()),
            Self::LeftOut(_) => "not shown".to_owned(),
        }
    }
}
