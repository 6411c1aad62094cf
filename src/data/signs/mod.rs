//! A synthetic set: small photographs of traffic signs, every one drawn by code from a seed and its index.
//!
//! Twenty European signs are drawn ([`faces`]), worn and put on a pole ([`mount`]), lit ([`light`]), seen aslant
//! ([`pose`]) in front of a scene ([`scene`]) in some weather ([`weather`]) by a camera with faults ([`camera`]). Nothing
//! is downloaded and nothing is kept: picture `n` of a seed is the same on every machine, whichever were read before it.

mod camera;
mod canvas;
mod classes;
mod dice;
mod faces;
mod glyphs;
mod light;
mod mount;
mod painter;
mod pictograms;
mod pose;
mod scene;
mod weather;

use std::path::Path;

pub use self::classes::{Danger, danger};

use self::camera::Camera;
use self::classes::{CLASSES, Class};
use self::dice::Dice;
use self::faces::Design;
use self::light::Light;
use self::mount::Texture;
use self::pose::Pose;
use self::weather::Weather;
use super::dataset::{Reader, Sample, Split};
use super::error::DataError;
use crate::tensor::{Picture, PictureError};

/// What stands for the set where a path is asked for.
const NAME: &str = "signs";
/// Rows and columns where no size is asked for.
const SIZE: (usize, usize) = (48, 48);
/// The sides that can be drawn.
const SIDES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Pictures of the halves where no count is asked for.
const TRAINING: usize = 12_000;
const TEST: usize = 4_000;
/// How much further away than the sign the scene is out of focus, in short sides.
const DEPTH_OF_FIELD: f32 = 0.03;

/// Which pictures of the endless set are meant: `signs[:SEED[:COUNT]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    /// Seed of the set.
    pub(super) seed: u64,
    /// How many pictures a half has.
    pub(super) count: Option<usize>,
}

impl Default for Request {
    fn default() -> Self {
        Self { seed: 1, count: None }
    }
}

impl Request {
    /// What is asked for by a path that is none; `None` for a real path.
    ///
    /// # Errors
    /// When seed or count are no numbers, or when a file or folder `signs` makes the name ambiguous.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, DataError> {
        let Some(request) = path.to_str() else { return Ok(None) };
        if request == NAME {
            let ambiguous = path.exists().then(|| DataError::Ambiguous(NAME.to_owned()));
            return ambiguous.map_or(Ok(Some(Self::default())), Err);
        }
        let Some(numbers) = request.strip_prefix(NAME).and_then(|rest| rest.strip_prefix(':')) else {
            return Ok(None);
        };
        let (seed, count) = match numbers.split_once(':') {
            Some((seed, count)) => (seed, Some(count.parse().ok().filter(|&count| count > 0))),
            None => (numbers, None),
        };
        match (seed.parse(), count) {
            (Ok(seed), None) => Ok(Some(Self { seed, count: None })),
            (Ok(seed), Some(Some(count))) => Ok(Some(Self { seed, count: Some(count) })),
            _ => Err(DataError::Synthetic("write it as signs, signs:SEED or signs:SEED:COUNT".to_owned())),
        }
    }
}

/// One half of the set, drawn when it is asked for.
///
/// Classes take turns, so that any number of consecutive pictures is balanced.
#[derive(Debug)]
pub(super) struct Signs {
    seed: u64,
    half: Split,
    count: usize,
    /// Columns and rows.
    size: (usize, usize),
}

impl Signs {
    /// A half, the test half if none is asked for, `height x width` or 48x48 pixels large.
    ///
    /// # Errors
    /// When a side is not within 8 to 1024 pixels.
    pub(super) fn new(
        request: Request,
        half: Option<Split>,
        height_and_width: Option<(usize, usize)>,
    ) -> Result<Self, DataError> {
        let half = half.unwrap_or(Split::Test);
        let (height, width) = height_and_width.unwrap_or(SIZE);
        if !SIDES.contains(&height) || !SIDES.contains(&width) {
            let (least, most) = SIDES.into_inner();
            let reason = format!("{height}x{width} pixels; a side may have {least} to {most}");
            return Err(DataError::Synthetic(reason));
        }
        let count = request.count.unwrap_or(match half {
            Split::Train => TRAINING,
            Split::Test => TEST,
        });
        Ok(Self { seed: request.seed, half, count, size: (width, height) })
    }
}

impl Reader for Signs {
    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        let label = index % CLASSES.len();
        let name = format!("{NAME}:{}/{}#{index}", self.seed, self.half);
        let mut dice = Dice::new(self.seed, self.half, index as u64);
        match photograph(&mut dice, CLASSES[label].0, self.size) {
            Ok(picture) => Ok(Sample { picture, label: Some(label), name }),
            Err(source) => Err(DataError::Picture { name, source }),
        }
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(CLASSES.iter().map(|(_, name)| (*name).to_owned()).collect())
    }
}

/// Takes the photograph of one sign, `size` its columns and rows.
fn photograph(dice: &mut Dice, class: Class, size: (usize, usize)) -> Result<Picture, PictureError> {
    let (weather, light, camera) = (Weather::new(dice), Light::new(dice), Camera::new(dice));
    let pose = Pose::new(dice, size);
    let mut canvas = scene::behind(dice, size);
    let out_of_focus = dice.between(0.0, DEPTH_OF_FIELD) * canvas.short_side();
    camera::blur(&mut canvas, out_of_focus);
    canvas.change(|_, _, pixel| [0, 1, 2].map(|channel| pixel[channel] * light.scene[channel]));
    weather.veil(&mut canvas, dice, 1.0);
    let design = Design::new(dice);
    let sign = Texture::of_sign(dice, class, &design, weather, pose.radius);
    pose.place(&mut canvas, &sign, |x, y, colour| light.on_sign(x, y, colour));
    scene::before(&mut canvas, dice, light.scene);
    weather.veil(&mut canvas, dice, 0.0);
    weather.fall(&mut canvas, dice);
    camera.expose(&mut canvas, dice);
    canvas.develop()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn signs(request: &str, half: Split, size: Option<(usize, usize)>) -> Signs {
        Signs::new(Request::read(Path::new(request)).unwrap().unwrap(), Some(half), size).unwrap()
    }

    #[test]
    fn a_request_names_seed_and_count() {
        let read = |path: &str| Request::read(Path::new(path));
        assert_eq!(read("signs:7").unwrap(), Some(Request { seed: 7, count: None }));
        assert_eq!(read("signs:7:50").unwrap(), Some(Request { seed: 7, count: Some(50) }));
        for path in ["./signs", "signs.npz", "data/signs:7", "signatures"] {
            assert_eq!(read(path).unwrap(), None, "{path}");
        }
        for path in ["signs:", "signs:x", "signs:1:", "signs:1:0", "signs:-1", "signs:1:2:3"] {
            assert!(read(path).unwrap_err().to_string().contains("signs:SEED:COUNT"), "{path}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_drawn_is_refused() {
        for size in [(7, 48), (48, 1025), (0, 0), (usize::MAX, usize::MAX)] {
            let error = Signs::new(Request::default(), None, Some(size)).unwrap_err().to_string();
            assert!(error.contains("8 to 1024"), "{error}");
        }
    }

    #[test]
    fn the_first_pictures_of_a_seed_stay_as_they_are() {
        let hash = |half| {
            let set = signs("signs:1", half, None);
            let pixels = (0..40).flat_map(|index| set.get(index).unwrap().picture.to_interleaved_u8());
            hex::encode(Sha256::digest(pixels.collect::<Vec<_>>()))
        };
        let train = "c737e5747509242b5f0b7f032543e53146fdbb510a2403645efe819b9a081b05";
        let test = "082232b483ffbf6eeb1dbe2bc880ed423fed82ab2809177ed48b371cf1459724";
        assert_eq!([hash(Split::Train).as_str(), hash(Split::Test).as_str()], [train, test]);
    }

    #[test]
    fn the_halves_share_no_picture_and_neither_do_seeds() {
        let picture = |request, half| signs(request, half, None).get(20).unwrap().picture;
        let train = picture("signs:1", Split::Train);
        assert_ne!(train, picture("signs:1", Split::Test));
        assert_ne!(train, picture("signs:2", Split::Train));
    }

    #[test]
    fn classes_take_turns() {
        let set = signs("signs:1:100", Split::Train, Some((8, 8)));
        let mut counts = [0; CLASSES.len()];
        for index in 0..set.len() {
            counts[set.get(index).unwrap().label.unwrap()] += 1;
        }
        assert_eq!(counts, [5; CLASSES.len()]);
        assert_eq!(set.classes().unwrap()[14], "stop");
    }

    #[test]
    fn a_class_looks_different_each_time_but_not_like_another() {
        // The mean picture of a class tells it from the others: the sign is there, in its colours.
        let set = signs("signs:3:400", Split::Train, Some((24, 24)));
        let mean = |class: usize| {
            let pictures: Vec<_> = (0..20).map(|turn| set.get(turn * CLASSES.len() + class).unwrap().picture).collect();
            let centre = |channel: usize| {
                let pixels = pictures.iter().map(|picture| picture.planes().nth(channel).unwrap()[12 * 24 + 8]);
                pixels.sum::<f32>() / pictures.len() as f32
            };
            assert!(pictures.windows(2).all(|pair| pair[0] != pair[1]));
            [centre(0), centre(1), centre(2)]
        };
        let [red, _, blue] = mean(14);
        assert!(red > blue + 0.1, "a stop sign is red: {red} {blue}");
        let [red, _, blue] = mean(15);
        assert!(blue > red + 0.1, "straight ahead is blue: {red} {blue}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_size_can_be_drawn(height in 8_usize..=256, width in 8_usize..=256, index in 0_usize..4000) {
            let set = signs("signs:9", Split::Test, Some((height, width)));
            let picture = set.get(index).unwrap().picture;
            prop_assert_eq!((picture.channels(), picture.height(), picture.width()), (3, height, width));
            prop_assert!(picture.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }

        #[test]
        fn a_picture_does_not_depend_on_those_before_it(index in 0_usize..4000) {
            let set = signs("signs:5", Split::Test, Some((16, 16)));
            let alone = set.get(index).unwrap();
            let others: Vec<_> = (index.saturating_sub(3)..=index).map(|index| set.get(index).unwrap()).collect();
            prop_assert_eq!(others.last(), Some(&alone));
        }
    }
}
