//! Counting what became of the pictures that were sent.

use serde::Serialize;

use super::{Column, Table};

/// What became of one kind of pictures: benign ones, or those of one attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// `benign`, or the attack's name.
    pub kind: String,
    /// Examples that the attack made; `None` for benign pictures.
    pub made: Option<usize>,
    /// Pictures that were sent; of an attack those that fool the classifier.
    pub sent: usize,
    /// How many of them the gateway refused.
    pub refused: usize,
    /// How many of them reached the classifier.
    pub passed: usize,
}

impl Tally {
    /// Counts by whether each picture was refused.
    pub fn new(kind: impl Into<String>, made: Option<usize>, refused: impl IntoIterator<Item = bool>) -> Self {
        let mut tally = Self { kind: kind.into(), made, sent: 0, refused: 0, passed: 0 };
        for refused in refused {
            tally.sent += 1;
            if refused {
                tally.refused += 1;
            } else {
                tally.passed += 1;
            }
        }
        tally
    }

    /// The share that was refused; 0 where nothing was sent.
    pub fn refused_share(&self) -> f64 {
        self.refused as f64 / self.sent.max(1) as f64
    }

    /// All tallies as a table, a row each.
    pub fn table(tallies: &[Self]) -> Table {
        let numbers = ["made", "fool the classifier", "sent", "refused", "passed", ""].map(Column::number);
        let mut table = Table::new(std::iter::once(Column::text("pictures")).chain(numbers));
        for tally in tallies {
            let fooling = |made: usize| (made.to_string(), tally.sent.to_string());
            let (made, fool) = tally.made.map_or_else(Default::default, fooling);
            let [sent, refused, passed] = [tally.sent, tally.refused, tally.passed].map(|count| count.to_string());
            let share = format!("{:.1}% refused", 100.0 * tally.refused_share());
            table.row([tally.kind.clone(), made, fool, sent, refused, passed, share]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sent_picture_is_either_refused_or_passed() {
        let benign = Tally::new("benign", None, [false, false, true, false]);
        assert_eq!((benign.sent, benign.refused, benign.passed, benign.refused_share()), (4, 1, 3, 0.25));
        assert_eq!(Tally::new("none", Some(7), []).refused_share(), 0.0);
        let attack = Tally::new("pgd8", Some(3), [true, true]);
        insta::assert_snapshot!(Tally::table(&[benign, attack]).render(false), @r"
        pictures  made  fool the classifier  sent  refused  passed
        benign                                  4        1       3   25.0% refused
        pgd8         3                    2     2        2       0  100.0% refused
        ");
    }
}
