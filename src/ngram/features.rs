//! Which rows of characters are looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Example;

/// Lengths of the rows, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=4;
/// A row that is in fewer messages tells of one message, not of a class.
const FEWEST_MESSAGES: u32 = 3;

/// Rows of characters, n-grams, each with a place of its own. Rows that differ in case only share one; of these are known
/// those that were seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Ngrams {
    places: HashMap<String, u32>,
    count: usize,
}

impl Ngrams {
    /// Of the rows in some messages the `most` that tell most of their classes: by how far the answers for messages with
    /// the row are from the mean answer, in standard errors of as many messages.
    pub(super) fn select(examples: &[Example], most: usize) -> Self {
        let classes = examples.first().map_or(0, |example| example.target.len());
        let mean_of = |class: usize| {
            examples.iter().map(|example| example.target[class]).sum::<f64>() / examples.len().max(1) as f64
        };
        let mean: Vec<f64> = (0..classes).map(mean_of).collect();
        let mut seen: HashMap<String, (u32, Vec<f64>)> = HashMap::new();
        let mut spellings: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for example in examples {
            let mut rows = BTreeSet::new();
            for row in rows_of(&example.text) {
                let lowercase = row.to_lowercase();
                spellings.entry(lowercase.clone()).or_default().insert(row);
                rows.insert(lowercase);
            }
            for row in rows {
                let (count, sums) = seen.entry(row).or_insert_with(|| (0, vec![0.0; classes]));
                *count += 1;
                sums.iter_mut().zip(&example.target).zip(&mean).for_each(|((sum, target), mean)| *sum += target - mean);
            }
        }
        let telling = |sums: &[f64], count: u32| {
            sums.iter().fold(0.0_f64, |most, sum| most.max(sum.abs())) / f64::from(count).sqrt()
        };
        let frequent = seen.into_iter().filter(|(_, (count, _))| *count >= FEWEST_MESSAGES);
        let mut scored: Vec<(f64, String)> =
            frequent.map(|(row, (count, sums))| (telling(&sums, count), row)).collect();
        scored.sort_by(|(one, row), (other, than)| other.total_cmp(one).then_with(|| row.cmp(than)));
        scored.truncate(most);
        let mut places = HashMap::new();
        for (place, (_, row)) in (0..).zip(&scored) {
            places.extend(spellings[row].iter().map(|&spelling| (spelling.to_owned(), place)));
        }
        Self { places, count: scored.len() }
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The places of the rows in a text, each once, in order.
    pub(super) fn places_in(&self, text: &str) -> Vec<usize> {
        let mut places: Vec<usize> =
            rows_of(text).filter_map(|row| self.places.get(row)).map(|&place| place as usize).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The rows of each length, the shortest first, with their places: in an order that is always the same.
    pub(super) fn by_length(&self) -> Vec<Vec<(&str, u32)>> {
        let of_length = |len: usize| {
            let rows = self.places.iter().filter(|(row, _)| row.chars().count() == len);
            let mut rows: Vec<(&str, u32)> = rows.map(|(row, &place)| (row.as_str(), place)).collect();
            rows.sort_unstable();
            rows
        };
        LENGTHS.map(of_length).collect()
    }
}

/// The rows of characters of a text, as often as they occur.
fn rows_of(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().flat_map(move |(start, _)| {
        let ends = text[start..].char_indices().map(move |(at, character)| start + at + character.len_utf8());
        ends.take(*LENGTHS.end()).map(move |end| &text[start..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(text: &str, spam: f64) -> Example {
        Example { text: text.to_owned(), target: vec![1.0 - spam, spam] }
    }

    #[test]
    fn the_most_telling_rows_are_taken_in_every_case_that_was_seen() {
        let texts = [("win çash", 1.0), ("WIN", 1.0), ("Win it", 1.0), ("see it", 0.0), ("be it", 0.0), ("late", 0.0)];
        let ngrams = Ngrams::select(&texts.map(|(text, spam)| example(text, spam)), 5);
        assert_eq!(ngrams.count(), 5);
        assert_eq!(ngrams.places_in("win"), ngrams.places_in("WIN"));
        assert_eq!(ngrams.places_in("wIN"), ngrams.places_in("IN w"), "this spelling was not seen");
        assert_eq!(ngrams.places_in("çb"), [0; 0]);
        assert!(!ngrams.places_in("win win").is_empty());
    }

    #[test]
    fn rows_are_of_characters_and_not_of_bytes() {
        assert_eq!(rows_of("aşk").collect::<Vec<_>>(), ["a", "aş", "aşk", "ş", "şk", "k"]);
        assert_eq!(rows_of("").count(), 0);
    }
}
