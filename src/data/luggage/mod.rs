//! Bags in an X-ray scanner: what is in them, packed by dice, as a detector for two energies sees it.
//!
//! Things are bodies in space ([`solid`]) of known materials ([`matter`]), turned any way and laid over each other
//! ([`part`]). Parallel rays go straight through; what is left of each, at low and at high energies, follows Beer and
//! Lambert ([`film`]), and a detector counts it ([`detector`]).

mod bag;
mod classes;
mod clutter;
mod dangerous;
mod detector;
mod film;
mod harmless;
mod matter;
mod part;
mod path;
mod solid;

use self::detector::Detector;
use self::film::Film;
use self::part::{Thing, placed, shadow};
use self::solid::Turn;
use super::synthetic::{Dice, Set};
use crate::tensor::{Picture, PictureError};

/// The set.
pub(super) static SET: Set =
    Set { name: "luggage", classes: &classes::NAMES, side: 96, draw: scan, danger: classes::danger };

/// Centimetres that stay free around what is looked for.
const MARGIN: f32 = 1.0;

/// Scans one bag, `size` columns and rows of the picture; the columns run along the belt.
fn scan(dice: &mut Dice, class: usize, size: (usize, usize)) -> Result<Picture, PictureError> {
    let detector = Detector::new(dice);
    let mut film = Film::new(size);
    let mut packed = bag(dice);
    for _ in 0..dice.count(2, 6) {
        packed.extend(thrown_in(dice));
    }
    packed.extend(subject(dice, class, film.half()));
    packed.iter().for_each(|part| film.put(part));
    bag::clothes(&mut film, dice);
    detector.read(&film.light(), size, dice)
}

/// The bag, nearly straight on the belt.
fn bag(dice: &mut Dice) -> Thing {
    let turn = Turn::about(2, dice.turn(14.0));
    let to = [dice.around_zero(2.0), dice.around_zero(2.0), 0.0];
    placed(&bag::any(dice), &turn, to)
}

/// Something else, anywhere in the bag.
fn thrown_in(dice: &mut Dice) -> Thing {
    let turn = any_way(dice, 25.0);
    let to = [dice.around_zero(16.0), dice.around_zero(11.0), dice.around_zero(4.0)];
    placed(&clutter::any(dice), &turn, to)
}

/// What the picture is about: lying any way round, tilted, all of it in the picture.
fn subject(dice: &mut Dice, class: usize, half: [f32; 2]) -> Thing {
    let thing = classes::make(dice, class);
    let turn = any_way(dice, 38.0);
    let around_origin = placed(&thing, &turn, [0.0; 3]);
    let covered = shadow(&around_origin);
    let place = [0, 1].map(|side| {
        let [low, high] = covered[side];
        let (least, most) = (MARGIN - half[side] - low, half[side] - MARGIN - high);
        // The middle of the bag is where things lie.
        let free = 0.75 * (most - least).max(0.0) / 2.0;
        (least + most) / 2.0 + dice.around_zero(free)
    });
    placed(&around_origin, &Turn::NONE, [place[0], place[1], 0.0])
}

/// Any direction in the plane of the belt, up to `degrees` out of it about either axis.
fn any_way(dice: &mut Dice, degrees: f32) -> Turn {
    let tilt = Turn::about(0, dice.turn(degrees)).then(&Turn::about(1, dice.turn(degrees)));
    tilt.then(&Turn::about(2, dice.heading()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::super::dataset::{Reader, Split};
    use super::super::synthetic::tests::drawn;
    use super::*;

    const CLASSES: std::ops::Range<usize> = 0..classes::NAMES.len();
    const SIZE: (usize, usize) = (96, 96);

    fn class(name: &str) -> usize {
        CLASSES.into_iter().find(|&class| classes::NAMES[class] == name).unwrap()
    }

    /// The ratio of the attenuation at low to that at high energies, the mean over where a thing of a class lies alone.
    fn ratio(name: &str) -> f32 {
        let mut dice = Dice::new(1, Split::Test, 7);
        let mut film = Film::new(SIZE);
        let thing = subject(&mut dice, class(name), film.half());
        thing.iter().for_each(|part| film.put(part));
        let light = film.light();
        let ratios = light.iter().filter(|[_, high]| *high < 0.9).map(|[low, high]| low.ln() / high.ln());
        let (sum, count) = ratios.fold((0.0, 0), |(sum, count), ratio| (sum + ratio, count + 1));
        sum / count as f32
    }

    #[test]
    fn the_first_scans_of_a_seed_stay_as_they_are() {
        let hash = |half| {
            let set = drawn("luggage:1", half, None);
            let levels = (0..14).flat_map(|index| set.get(index).unwrap().picture.to_interleaved_levels());
            hex::encode(Sha256::digest(levels.flat_map(u16::to_le_bytes).collect::<Vec<_>>()))
        };
        let train = "abb15f98423b504dbb8ea58a8074ada2fa03698eb0af2b07133a9c2e54708ebf";
        let test = "08e254e08715dc12a98783608dfb88fb1354420e9a59316649927ca95f95410a";
        assert_eq!([hash(Split::Train).as_str(), hash(Split::Test).as_str()], [train, test]);
    }

    #[test]
    fn what_a_scan_is_about_lies_inside_it() {
        let half = Film::new(SIZE).half();
        for (class, index) in CLASSES.flat_map(|class| (0..40).map(move |index| (class, index))) {
            let covered = shadow(&subject(&mut Dice::new(3, Split::Train, index), class, half));
            for (side, [low, high]) in covered.into_iter().enumerate() {
                assert!(low > -half[side] && high < half[side], "{} {index}: {covered:?}", classes::NAMES[class]);
            }
        }
    }

    #[test]
    fn metal_is_told_from_what_grows() {
        let (knife, pistol, bottle, shoe) = (ratio("knife"), ratio("pistol"), ratio("bottle"), ratio("shoe"));
        assert!(knife > 2.0 && pistol > 1.8, "{knife} {pistol}");
        assert!(bottle < 1.5 && shoe < 1.6, "{bottle} {shoe}");
    }

    #[test]
    fn a_class_looks_different_each_time() {
        let set = drawn("luggage:4:70", Split::Train, Some((24, 24)));
        let scans: Vec<Picture> = (0..70).map(|index| set.get(index).unwrap().picture).collect();
        assert!(CLASSES.into_iter().all(|class| scans[class] != scans[class + CLASSES.len()]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn any_size_can_be_scanned(height in 8_usize..=80, width in 8_usize..=80, index in 0_usize..4000) {
            let picture = drawn("luggage:9", Split::Test, Some((height, width))).get(index).unwrap().picture;
            prop_assert_eq!((picture.channels(), picture.height(), picture.width()), (2, height, width));
            prop_assert!(picture.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }
    }
}
