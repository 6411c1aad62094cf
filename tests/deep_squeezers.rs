//! Pictures of more than 8 bits, of any number of channels, are squeezed as finely as they are graded.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;

use npyz::npz::NpzArchive;
use portcullis::squeeze::parse;
use portcullis::tensor::{Depth, Picture, quantised};
use proptest::prelude::*;

/// One of each kind, as strong as it is used.
const SQUEEZERS: [&str; 12] = [
    "bit_depth(5)",
    "median(2,2)",
    "median(3,3)",
    "nlm(7,3,4)",
    "bilateral(5,25,5)",
    "crop(0.9)",
    "gaussian(1)",
    "jpeg(75)",
    "noise(4,1)",
    "resize(0.5)",
    "tv(0.1)",
    "wavelet(8)",
];

fn squeeze(name: &str, picture: &Picture) -> Picture {
    parse(name).unwrap().squeeze(picture)
}

/// Each golden vector of one kind of squeezer: its name, what we make of its picture, and what it holds, interleaved.
fn golden(kind: &str) -> Vec<(String, Picture, Vec<f32>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/deep.npz");
    let mut archive = NpzArchive::open(path).unwrap();
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let vectors = names.into_iter().filter_map(|name| {
        let (picture, squeezer) = name.rsplit_once('/').filter(|(_, squeezer)| squeezer.starts_with(kind))?;
        let white: u16 = picture.rsplit_once('/')?.1.parse().unwrap();
        let depth = Depth::of_span(white.into());
        let given = archive.by_name(picture).unwrap().unwrap();
        let &[height, width, channels] = given.shape() else { panic!("{picture} has another shape") };
        let [height, width, channels] = [height, width, channels].map(|side| side as usize);
        let levels: Vec<u16> = given.into_vec().unwrap();
        let given = Picture::from_interleaved_levels(channels, height, width, &levels, depth).unwrap();
        let expected = archive.by_name(&name).unwrap().unwrap();
        let expected = if kind == "median" {
            expected.into_vec::<u16>().unwrap().into_iter().map(f32::from).collect()
        } else {
            expected.into_vec::<f32>().unwrap()
        };
        Some((name.clone(), squeeze(squeezer, &given), expected))
    });
    vectors.collect()
}

fn interleaved(picture: &Picture) -> Vec<f32> {
    let planes: Vec<&[f32]> = picture.planes().collect();
    (0..planes[0].len()).flat_map(|at| planes.iter().map(move |plane| plane[at])).collect()
}

#[test]
fn bit_depth_equals_numpy_to_the_bit() {
    let vectors = golden("bit_depth");
    assert_eq!(vectors.len(), 4 * 5);
    for (name, squeezed, expected) in vectors {
        assert_eq!(interleaved(&squeezed), expected, "{name}");
    }
}

#[test]
fn median_equals_scipy_to_the_level() {
    let vectors = golden("median");
    assert_eq!(vectors.len(), 4 * 4);
    for (name, squeezed, expected) in vectors {
        let levels: Vec<f32> = squeezed.to_interleaved_levels().into_iter().map(f32::from).collect();
        assert_eq!(levels, expected, "{name}");
        assert_eq!(squeezed, quantised(&squeezed), "{name}");
    }
}

#[test]
fn non_local_means_is_its_definition_to_a_level_of_16_bits() {
    let vectors = golden("nlm");
    assert_eq!(vectors.len(), 4 * 3);
    for (name, squeezed, expected) in vectors {
        for (ours, theirs) in interleaved(&squeezed).into_iter().zip(expected) {
            assert!((ours - theirs).abs() <= 1.0 / 65_535.0, "{name}: {ours} is not {theirs}");
        }
    }
}

/// Smooth enough for 8 bits to be enough, with an edge and a little noise.
fn a_picture() -> impl Strategy<Value = Picture> {
    (prop::sample::select(vec![1_usize, 2, 4]), 4..20_usize, 4..30_usize, any::<u64>()).prop_map(
        |(channels, height, width, seed)| {
            let noise = |at: u64| (at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed) >> 33) % 7;
            let level = |at: usize| {
                let (x, y) = (at % width, at / width % height);
                let edge = if x > width / 2 { 120 } else { 20 };
                (edge + 3 * (y % 30) as u64 + noise(at as u64)) as u8
            };
            let levels: Vec<u8> = (0..channels * height * width).map(level).collect();
            Picture::from_interleaved_u8(channels, height, width, &levels).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_picture_in_16_bits_is_squeezed_alike_to_a_step(picture in a_picture()) {
        let deep = picture.clone().with_depth(Depth::SIXTEEN_BITS);
        for name in SQUEEZERS {
            let (coarse, fine) = (squeeze(name, &picture), squeeze(name, &deep));
            for (coarse, fine) in coarse.pixels().iter().zip(fine.pixels()) {
                prop_assert!((coarse - fine).abs() <= 1.0 / 255.0, "{}: {} is not {}", name, coarse, fine);
            }
        }
    }

    #[test]
    fn nothing_leaves_its_range_or_loses_its_shape_or_its_depth(
        levels in prop::collection::vec(any::<u16>(), 2 * 7 * 9), bits in 9..=16_u32,
    ) {
        let depth = Depth::of_bits(bits);
        for (channels, width) in [(1, 18), (2, 9), (3, 6)] {
            let picture = Picture::from_interleaved_levels(channels, 7, width, &levels, depth).unwrap();
            for name in SQUEEZERS {
                let squeezed = squeeze(name, &picture);
                prop_assert!(squeezed.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)), "{}", name);
                let shape = |picture: &Picture| (picture.channels(), picture.height(), picture.width(), picture.depth());
                prop_assert_eq!(shape(&squeezed), shape(&picture));
            }
        }
    }

    #[test]
    fn rounding_changes_nothing_twice(levels in prop::collection::vec(any::<u16>(), 40), bits in 1..=16_u32) {
        let picture = Picture::from_interleaved_levels(2, 4, 5, &levels, Depth::SIXTEEN_BITS).unwrap();
        let once = squeeze(&format!("bit_depth({bits})"), &picture);
        prop_assert_eq!(squeeze(&format!("bit_depth({bits})"), &once), once);
        prop_assert_eq!(squeeze("bit_depth(16)", &picture), picture);
    }

    #[test]
    fn what_lies_below_8_bits_survives_smoothing(step in 1..100_u16) {
        let levels: Vec<u16> = (0..100).map(|at| 30_000 + if at % 10 < 5 { 0 } else { step }).collect();
        let picture = Picture::from_interleaved_levels(1, 10, 10, &levels, Depth::SIXTEEN_BITS).unwrap();
        for name in ["median(3,3)", "bilateral(3,0.1,1)"] {
            let squeezed = quantised(&squeeze(name, &picture)).to_interleaved_levels();
            prop_assert!(squeezed[0] < squeezed[9], "{}", name);
        }
    }
}
