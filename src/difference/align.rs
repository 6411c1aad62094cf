//! Which words of two texts are the same, and which characters of those that are not.

use std::ops::Range;
use std::time::Instant;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline};
use unicode_segmentation::UnicodeSegmentation;

/// The share of characters that two stretches have in common from which on it helps to see which they are.
const ALIKE: f64 = 0.4;

/// What became of a part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Both texts have it.
    Same,
    /// Only the former text has it.
    Gone,
    /// Only the latter text has it.
    Come,
}

/// A stretch of one of two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// What became of it.
    pub change: Change,
    /// Whether it is what differs within words that are alike.
    pub stressed: bool,
    /// Its bytes: of the latter text where it has come, else of the former.
    pub bytes: Range<usize>,
}

/// How two texts differ: stretches of both in reading order, what is gone before what has come in its place. Words are
/// whole; the characters in which they differ are stressed.
///
/// The alignment is that of Myers: "An O(ND) Difference Algorithm and Its Variations" (Algorithmica 1, 1986).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'a> {
    before: &'a str,
    after: &'a str,
    stretches: Vec<Stretch>,
}

impl<'a> Difference<'a> {
    /// From `before` to `after`. What is not aligned by the deadline counts as replaced as a whole.
    pub fn between(before: &'a str, after: &'a str, deadline: Instant) -> Self {
        let mut stretches = Vec::new();
        let words = [before, after].map(|text| Cut::new(0, text.split_word_bounds()));
        let mut open: Option<[Range<usize>; 2]> = None;
        let mut steps = aligned(&words, deadline).into_iter().peekable();
        while let Some(Step { same, gone, come }) = steps.next() {
            // Words one after the other that are changed read better as one change than with the same space in between.
            let goes_on = same == 0 || steps.peek().is_some() && before[gone.clone()].trim().is_empty();
            match open.take() {
                Some([old, new]) if goes_on => {
                    open = Some([old.start..gone.end, new.start..come.end]);
                    continue;
                }
                None if same == 0 => {
                    open = Some([gone, come]);
                    continue;
                }
                Some([old, new]) => replaced((before, old), (after, new), deadline, &mut stretches),
                None => {}
            }
            stretches.push(Stretch { change: Change::Same, stressed: false, bytes: gone });
        }
        if let Some([gone, come]) = open {
            replaced((before, gone), (after, come), deadline, &mut stretches);
        }
        Self { before, after, stretches }
    }

    /// One text, of which nothing changes.
    pub fn none(text: &'a str) -> Self {
        let whole = Stretch { change: Change::Same, stressed: false, bytes: 0..text.len() };
        Self { before: text, after: text, stretches: vec![whole] }
    }

    /// What both texts are made of, in reading order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The text that a stretch is of.
    pub fn text_of(&self, stretch: &Stretch) -> &'a str {
        if stretch.change == Change::Come { self.after } else { self.before }
    }
}

/// A text, or a part of one, in units.
struct Cut<'a> {
    units: Vec<&'a str>,
    /// Where each begins, and where the last ends.
    bounds: Vec<usize>,
}

impl<'a> Cut<'a> {
    fn new(start: usize, units: impl Iterator<Item = &'a str>) -> Self {
        let units: Vec<&str> = units.collect();
        let mut end = start;
        let ends = units.iter().map(|unit| {
            end += unit.len();
            end
        });
        let bounds = std::iter::once(start).chain(ends).collect();
        Self { units, bounds }
    }

    fn bytes(&self, units: Range<usize>) -> Range<usize> {
        self.bounds[units.start]..self.bounds[units.end]
    }
}

/// A step from the former text to the latter one.
struct Step {
    /// Units that both have; none where others come instead.
    same: usize,
    /// The bytes of the former text, and those of the latter.
    gone: Range<usize>,
    come: Range<usize>,
}

/// The steps, which together cover both texts.
fn aligned([old, new]: &[Cut<'_>; 2], deadline: Instant) -> Vec<Step> {
    let steps = capture_diff_slices_deadline(Algorithm::Myers, &old.units, &new.units, Some(deadline));
    // Where nothing of a text takes part in a step, the position that is told for it need not be where the text stands.
    let (mut old_at, mut new_at) = (0, 0);
    let in_bytes = |step: &DiffOp| {
        let (gone, come) = (old_at..old_at + step.old_range().len(), new_at..new_at + step.new_range().len());
        (old_at, new_at) = (gone.end, come.end);
        let same = if step.tag() == DiffTag::Equal { gone.len() } else { 0 };
        Step { same, gone: old.bytes(gone), come: new.bytes(come) }
    };
    steps.iter().map(in_bytes).collect()
}

/// Words in the place of others; if these are alike, with a stress on the characters that differ.
fn replaced(
    (before, gone): (&str, Range<usize>),
    (after, come): (&str, Range<usize>),
    deadline: Instant,
    stretches: &mut Vec<Stretch>,
) {
    let characters =
        [(before, &gone), (after, &come)].map(|(text, part)| Cut::new(part.start, text[part.clone()].graphemes(true)));
    let steps = aligned(&characters, deadline);
    let same: usize = steps.iter().map(|step| step.same).sum();
    let all: usize = characters.iter().map(|cut| cut.units.len()).sum();
    let mut push = |change, stressed, bytes: Range<usize>| match stretches.last_mut() {
        _ if bytes.is_empty() => {}
        Some(last) if (last.change, last.stressed, last.bytes.end) == (change, stressed, bytes.start) => {
            last.bytes.end = bytes.end;
        }
        _ => stretches.push(Stretch { change, stressed, bytes }),
    };
    if 2.0 * (same as f64) < ALIKE * all as f64 {
        push(Change::Gone, false, gone);
        push(Change::Come, false, come);
        return;
    }
    for step in &steps {
        push(Change::Gone, step.same == 0, step.gone.clone());
    }
    for step in steps {
        push(Change::Come, step.same == 0, step.come);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// `-` before what is gone, `+` before what has come, in capitals where it is stressed.
    fn told(before: &str, after: &str) -> String {
        let difference = Difference::between(before, after, Instant::now() + Duration::from_secs(60));
        let tell = |stretch: &Stretch| {
            let text = &difference.text_of(stretch)[stretch.bytes.clone()];
            let text = if stretch.stressed { text.to_uppercase() } else { text.to_owned() };
            let sign = match stretch.change {
                Change::Same => "",
                Change::Gone => "-",
                Change::Come => "+",
            };
            format!("{sign}{text}|")
        };
        difference.stretches().iter().map(tell).collect()
    }

    #[test]
    fn words_are_whole_and_the_characters_in_which_they_differ_are_stressed() {
        for (before, after, expected) in [
            ("so free now", "so free now", "so free now|"),
            ("so cxsh now", "so cash now", "so |-c|-X|-sh|+c|+A|+sh| now|"),
            ("win a f.r.e.e entry", "win a free entry", "win a |-f|-.|-r|-.|-e|-.|-e|+free| entry|"),
            ("call now", "stop now", "-call|+stop| now|"),
            ("one two three", "one three", "one |-two |three|"),
            ("", "new", "+new|"),
            ("so cxsh prxze now", "so cash prize now", "so |-c|-X|-sh pr|-X|-ze|+c|+A|+sh pr|+I|+ze| now|"),
        ] {
            assert_eq!(told(before, after), expected);
        }
    }

    #[test]
    fn what_takes_too_long_counts_as_replaced() {
        let (before, after) = ("a b ".repeat(500), "b c ".repeat(500));
        let difference = Difference::between(&before, &after, Instant::now());
        let side = |left_out: Change| {
            let stretches = difference.stretches().iter().filter(|stretch| stretch.change != left_out);
            stretches.map(|stretch| &difference.text_of(stretch)[stretch.bytes.clone()]).collect::<String>()
        };
        assert_eq!((side(Change::Come), side(Change::Gone)), (before.clone(), after.clone()));
    }
}
