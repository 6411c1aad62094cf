//! A synthetic set: small photographs of traffic signs, every one drawn by code from a seed and its index.
//!
//! Twenty European signs are drawn ([`faces`]), worn and put on a pole ([`mount`]), lit ([`light`]), seen aslant
//! ([`pose`]) in front of a scene ([`scene`]) in some weather ([`weather`]) by a camera with faults ([`camera`]). Nothing
//! is downloaded and nothing is kept: picture `n` of a seed is the same on every machine, whichever were read before it.

mod camera;
mod canvas;
mod classes;
mod faces;
mod glyphs;
mod light;
mod mount;
mod painter;
mod pictograms;
mod pose;
mod scene;
mod weather;

use self::camera::Camera;
use self::classes::{CLASSES, NAMES};
use self::faces::Design;
use self::light::Light;
use self::mount::Texture;
use self::pose::Pose;
use self::weather::Weather;
use super::synthetic::{Dice, Set};
use crate::tensor::{Picture, PictureError};

/// The set.
pub(super) static SET: Set =
    Set { name: "signs", classes: &NAMES, side: 48, draw: photograph, danger: classes::danger };

/// How much further away than the sign the scene is out of focus, in short sides.
const DEPTH_OF_FIELD: f32 = 0.03;

/// Takes the photograph of one sign, `size` its columns and rows.
fn photograph(dice: &mut Dice, class: usize, size: (usize, usize)) -> Result<Picture, PictureError> {
    let (weather, light, camera) = (Weather::new(dice), Light::new(dice), Camera::new(dice));
    let pose = Pose::new(dice, size);
    let mut canvas = scene::behind(dice, size);
    let out_of_focus = dice.between(0.0, DEPTH_OF_FIELD) * canvas.short_side();
    camera::blur(&mut canvas, out_of_focus);
    canvas.change(|_, _, pixel| [0, 1, 2].map(|channel| pixel[channel] * light.scene[channel]));
    weather.veil(&mut canvas, dice, 1.0);
    let design = Design::new(dice);
    let sign = Texture::of_sign(dice, CLASSES[class].0, &design, weather, pose.radius);
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

    use super::super::dataset::{Reader, Split};
    use super::super::synthetic::tests::drawn;
    use super::*;

    #[test]
    fn the_first_pictures_of_a_seed_stay_as_they_are() {
        let hash = |half| {
            let set = drawn("signs:1", half, None);
            let pixels = (0..40).flat_map(|index| set.get(index).unwrap().picture.to_interleaved_u8());
            hex::encode(Sha256::digest(pixels.collect::<Vec<_>>()))
        };
        let train = "c737e5747509242b5f0b7f032543e53146fdbb510a2403645efe819b9a081b05";
        let test = "082232b483ffbf6eeb1dbe2bc880ed423fed82ab2809177ed48b371cf1459724";
        assert_eq!([hash(Split::Train).as_str(), hash(Split::Test).as_str()], [train, test]);
    }

    #[test]
    fn a_class_looks_different_each_time_but_not_like_another() {
        // The mean picture of a class tells it from the others: the sign is there, in its colours.
        let set = drawn("signs:3:400", Split::Train, Some((24, 24)));
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
            let set = drawn("signs:9", Split::Test, Some((height, width)));
            let picture = set.get(index).unwrap().picture;
            prop_assert_eq!((picture.channels(), picture.height(), picture.width()), (3, height, width));
            prop_assert!(picture.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }
    }
}
