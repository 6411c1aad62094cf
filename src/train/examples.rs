//! Training pictures: read once to find the broken ones, kept as whole numbers as far as memory is allowed.

use super::TrainError;
use crate::data::{DataError, Dataset};
use crate::tensor::{Depth, Picture, PictureError};

/// Bytes of pictures that are kept; beyond, pictures are read anew each time.
const KEPT: usize = 2 << 30;

/// One picture's pixels, interleaved: as bytes where these hold them.
enum Kept {
    Bytes(Box<[u8]>),
    Levels(Box<[u16]>, Depth),
}

impl Kept {
    fn of(picture: &Picture) -> Self {
        match picture.depth().is_8_bit() {
            true => Self::Bytes(picture.to_interleaved_u8().into()),
            false => Self::Levels(picture.to_interleaved_levels().into(), picture.depth()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Levels(levels, _) => size_of_val::<[u16]>(levels),
        }
    }

    fn picture(&self, [channels, height, width]: [usize; 3]) -> Result<Picture, PictureError> {
        match self {
            Self::Bytes(bytes) => Picture::from_interleaved_u8(channels, height, width, bytes),
            Self::Levels(levels, depth) => Picture::from_interleaved_levels(channels, height, width, levels, *depth),
        }
    }
}

/// Readable pictures of one size.
pub struct Examples<'a> {
    dataset: &'a Dataset,
    /// Where the readable ones lie in the data, and their labels.
    places: Vec<(usize, Option<usize>)>,
    kept: Vec<Kept>,
    shape: [usize; 3],
}

impl<'a> Examples<'a> {
    /// Reads the samples of `indices` (`[channels, height, width]` each). Broken ones are left out and handed to
    /// `broken`, unless `strict`; `seen` is called after each.
    ///
    /// # Errors
    /// With the first broken picture if `strict`.
    pub fn read(
        dataset: &'a Dataset,
        indices: impl IntoIterator<Item = usize>,
        shape: [usize; 3],
        strict: bool,
        mut broken: impl FnMut(DataError),
        mut seen: impl FnMut(),
    ) -> Result<Self, TrainError> {
        let (mut places, mut kept) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for index in indices {
            match dataset.get(index) {
                Ok(sample) => {
                    if kept.len() == places.len() && bytes < KEPT {
                        let picture = Kept::of(&sample.picture);
                        bytes += picture.len();
                        kept.push(picture);
                    }
                    places.push((index, sample.label));
                }
                Err(error) if strict => return Err(error.into()),
                Err(error) => broken(error),
            }
            seen();
        }
        Ok(Self { dataset, places, kept, shape })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// `[channels, height, width]` of each.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of classes that the labels name, if all pictures have one.
    ///
    /// # Errors
    /// When one has no label.
    pub fn classes(&self) -> Result<usize, TrainError> {
        let unlabelled = |index: usize| TrainError::Unlabelled(self.name(index));
        let labels = self.places.iter().map(|&(index, label)| label.ok_or_else(|| unlabelled(index)));
        let most = labels.collect::<Result<Vec<_>, _>>()?.into_iter().max();
        Ok(most.map_or(0, |most| most + 1))
    }

    /// The label of the example `at`.
    pub fn label(&self, at: usize) -> Option<usize> {
        self.places[at].1
    }

    /// The picture of the example `at`.
    ///
    /// # Errors
    /// When it is not kept and has become unreadable.
    pub fn picture(&self, at: usize) -> Result<Picture, TrainError> {
        let picture = match self.kept.get(at) {
            Some(kept) => kept.picture(self.shape),
            None => Kept::of(&self.dataset.get(self.places[at].0)?.picture).picture(self.shape),
        };
        picture.map_err(|source| DataError::Picture { name: self.name(self.places[at].0), source }.into())
    }

    fn name(&self, index: usize) -> String {
        self.dataset.get(index).map_or_else(|error| error.to_string(), |sample| sample.name)
    }
}
