//! Synthetic sets: every picture is drawn by code from a seed and its index.
//!
//! Nothing is downloaded and nothing is kept: picture `n` of a seed is the same on every machine, whichever were read
//! before it.

mod dice;
mod noise;

use std::path::Path;

pub(super) use self::dice::Dice;
pub(super) use self::noise::{Noise, smooth_step};

use super::dataset::{Reader, Sample, Split};
use super::error::DataError;
use super::{luggage, signs};
use crate::tensor::{Picture, PictureError};

/// The sides that can be drawn.
const SIDES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Pictures of the halves where no count is asked for.
const TRAINING: usize = 12_000;
const TEST: usize = 4_000;
/// All sets.
static SETS: [&Set; 2] = [&luggage::SET, &signs::SET];

/// Draws one picture of a class, by its index, with so many columns and rows.
pub(super) type Draw = fn(&mut Dice, class: usize, size: (usize, usize)) -> Result<Picture, PictureError>;

/// What is drawn, and how.
#[derive(Debug)]
pub(super) struct Set {
    /// What stands for the set where a path is asked for.
    pub(super) name: &'static str,
    /// Names of the classes in the order of their indices: the sorted order, in which the reader of image folders
    /// numbers them as well.
    pub(super) classes: &'static [&'static str],
    /// Rows and columns where no size is asked for.
    pub(super) side: usize,
    /// How bad it is to take a picture of one class for one of another, by their indices.
    pub(super) danger: fn(usize, usize) -> Danger,
    /// How its pictures come about.
    pub(super) draw: Draw,
}

/// How bad a mistake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Nobody is hurt at once.
    Low,
    /// Somebody may be hurt.
    High,
    /// What the set is about: a stop sign that is read as a speed limit, a knife that is taken for an umbrella.
    Extreme,
}

/// How bad it is to take a picture of one class for one of another, by their indices in the synthetic set of this name;
/// [`Danger::Low`] where there is none.
pub fn danger(set: &str, truth: usize, reading: usize) -> Danger {
    SETS.into_iter().find(|known| known.name == set).map_or(Danger::Low, |set| (set.danger)(truth, reading))
}

/// Which pictures of an endless set are meant: `NAME[:SEED[:COUNT]]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    set: &'static Set,
    seed: u64,
    /// How many pictures a half has.
    count: Option<usize>,
}

impl Request {
    /// What is asked for by a path that is none; `None` for a real path.
    ///
    /// # Errors
    /// When seed or count are no numbers, or when a file or folder of the set's name makes it ambiguous.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, DataError> {
        let Some(request) = path.to_str() else { return Ok(None) };
        let (name, numbers) = request.split_once(':').map_or((request, None), |(name, rest)| (name, Some(rest)));
        let Some(set) = SETS.into_iter().find(|set| set.name == name) else { return Ok(None) };
        let Some(numbers) = numbers else {
            let ambiguous = path.exists().then(|| DataError::Ambiguous(name.to_owned()));
            return ambiguous.map_or(Ok(Some(Self { set, seed: 1, count: None })), Err);
        };
        let (seed, count) = match numbers.split_once(':') {
            Some((seed, count)) => (seed, Some(count.parse().ok().filter(|&count| count > 0))),
            None => (numbers, None),
        };
        match (seed.parse(), count) {
            (Ok(seed), None) => Ok(Some(Self { set, seed, count: None })),
            (Ok(seed), Some(Some(count))) => Ok(Some(Self { set, seed, count: Some(count) })),
            _ => Err(set.cannot_draw(format!("write it as {name}, {name}:SEED or {name}:SEED:COUNT"))),
        }
    }
}

impl Set {
    fn cannot_draw(&self, reason: String) -> DataError {
        DataError::Synthetic { set: self.name, reason }
    }
}

/// One half of a set, drawn when it is asked for.
///
/// Classes take turns, so that any number of consecutive pictures is balanced.
#[derive(Debug)]
pub(super) struct Drawn {
    set: &'static Set,
    seed: u64,
    half: Split,
    count: usize,
    /// Columns and rows.
    size: (usize, usize),
}

impl Drawn {
    /// A half, the test half if none is asked for, in the set's own size if none is asked for.
    ///
    /// # Errors
    /// When a side is not within 8 to 1024 pixels.
    pub(super) fn new(
        Request { set, seed, count }: Request,
        half: Option<Split>,
        height_and_width: Option<(usize, usize)>,
    ) -> Result<Self, DataError> {
        let half = half.unwrap_or(Split::Test);
        let (height, width) = height_and_width.unwrap_or((set.side, set.side));
        if !SIDES.contains(&height) || !SIDES.contains(&width) {
            let (least, most) = SIDES.into_inner();
            return Err(set.cannot_draw(format!("{height}x{width} pixels; a side may have {least} to {most}")));
        }
        let count = count.unwrap_or(match half {
            Split::Train => TRAINING,
            Split::Test => TEST,
        });
        Ok(Self { set, seed, half, count, size: (width, height) })
    }
}

impl Reader for Drawn {
    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        let label = index % self.set.classes.len();
        let name = format!("{}:{}/{}#{index}", self.set.name, self.seed, self.half);
        let mut dice = Dice::new(self.seed, self.half, index as u64);
        match (self.set.draw)(&mut dice, label, self.size) {
            Ok(picture) => Ok(Sample { picture, label: Some(label), name }),
            Err(source) => Err(DataError::Picture { name, source }),
        }
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.set.classes.iter().map(|&name| name.to_owned()).collect())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A half of the set that `request` names.
    pub(in crate::data) fn drawn(request: &str, half: Split, size: Option<(usize, usize)>) -> Drawn {
        Drawn::new(Request::read(Path::new(request)).unwrap().unwrap(), Some(half), size).unwrap()
    }

    #[test]
    fn a_request_names_set_seed_and_count() {
        let read = |path: &str| Request::read(Path::new(path));
        let asked = |path: &str| read(path).unwrap().map(|request| (request.set.name, request.seed, request.count));
        assert_eq!(asked("signs:7"), Some(("signs", 7, None)));
        assert_eq!(asked("luggage:7:50"), Some(("luggage", 7, Some(50))));
        for path in ["./signs", "signs.npz", "data/signs:7", "signatures", "C:1"] {
            assert_eq!(asked(path), None, "{path}");
        }
        for path in ["signs:", "signs:x", "signs:1:", "signs:1:0", "signs:-1", "signs:1:2:3"] {
            assert!(read(path).unwrap_err().to_string().contains("signs:SEED:COUNT"), "{path}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_drawn_is_refused() {
        for set in SETS {
            for size in [(7, 48), (48, 1025), (0, 0), (usize::MAX, usize::MAX)] {
                let request = Request { set, seed: 1, count: None };
                let error = Drawn::new(request, None, Some(size)).unwrap_err().to_string();
                assert!(error.contains("8 to 1024") && error.contains(set.name), "{error}");
            }
        }
    }

    #[test]
    fn the_halves_share_no_picture_and_neither_do_seeds() {
        for set in SETS {
            let picture = |seed, half| drawn(&format!("{}:{seed}", set.name), half, None).get(20).unwrap().picture;
            let train = picture(1, Split::Train);
            assert_ne!(train, picture(1, Split::Test));
            assert_ne!(train, picture(2, Split::Train));
        }
    }

    #[test]
    fn classes_take_turns() {
        for set in SETS {
            let half = drawn(&format!("{}:1:140", set.name), Split::Train, Some((8, 8)));
            let labels: Vec<usize> = (0..half.len()).map(|index| half.get(index).unwrap().label.unwrap()).collect();
            let count = |class| labels.iter().filter(|&&label| label == class).count();
            assert!((0..set.classes.len()).all(|class| count(class) == 140 / set.classes.len()), "{labels:?}");
        }
    }

    #[test]
    fn a_folder_a_class_is_numbered_as_the_set_itself() {
        assert!(SETS.into_iter().all(|set| set.classes.is_sorted()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_picture_does_not_depend_on_those_before_it(index in 0_usize..4000, which in 0..SETS.len()) {
            let half = drawn(&format!("{}:5", SETS[which].name), Split::Test, Some((16, 16)));
            let alone = half.get(index).unwrap();
            let others: Vec<_> = (index.saturating_sub(3)..=index).map(|index| half.get(index).unwrap()).collect();
            prop_assert_eq!(others.last(), Some(&alone));
        }
    }
}
