//! Squeezers do what the Python libraries of the field do, and never break a picture.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::collections::BTreeMap;
use std::path::Path;

use npyz::npz::NpzArchive;
use portcullis::squeeze::parse;
use portcullis::tensor::Picture;
use proptest::prelude::*;

fn squeeze(name: &str, picture: &Picture) -> Picture {
    parse(name).unwrap().squeeze(picture)
}

/// The arrays of `tests/golden/squeezers.npz` as pictures, by name; numbers of 8 bits become floats.
fn golden() -> BTreeMap<String, Picture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/squeezers.npz");
    let mut archive = NpzArchive::open(path).unwrap();
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let pictures = names.into_iter().map(|name| {
        let array = archive.by_name(&name).unwrap().unwrap();
        let &[height, width, channels] = array.shape() else { panic!("{name} has another shape") };
        let [height, width, channels] = [height, width, channels].map(|side| side as usize);
        let picture = if name.contains("/nlm") {
            Picture::from_interleaved_u8(channels, height, width, &array.into_vec().unwrap())
        } else {
            let pixels: Vec<f32> = array.into_vec().unwrap();
            let channel = |channel| pixels.iter().skip(channel).step_by(channels).copied();
            Picture::new(channels, height, width, (0..channels).flat_map(channel).collect())
        };
        (name, picture.unwrap())
    });
    pictures.collect()
}

/// Squeezes what the golden vectors of one kind of squeezer were made of, and gives each pixel to `compare`: ours, theirs.
fn compare_golden(kind: &str, vectors: usize, mut compare: impl FnMut(&str, f32, f32)) {
    let golden = golden();
    let mut compared = 0;
    for (name, expected) in &golden {
        let Some((picture, squeezer)) = name.split_once('/').filter(|(_, squeezer)| squeezer.starts_with(kind)) else {
            continue;
        };
        let squeezed = squeeze(squeezer, &golden[picture]);
        assert_eq!(squeezed.pixels().len(), expected.pixels().len(), "{name}");
        squeezed.pixels().iter().zip(expected.pixels()).for_each(|(&ours, &theirs)| compare(name, ours, theirs));
        compared += 1;
    }
    assert_eq!(compared, vectors);
}

fn assert_golden(kind: &str, vectors: usize) {
    compare_golden(kind, vectors, |name, ours, theirs| assert!(ours == theirs, "{name}: {ours} is not {theirs}"));
}

fn assert_close_to_golden(kind: &str, vectors: usize, tolerance: f32) {
    compare_golden(kind, vectors, |name, ours, theirs| {
        assert!((ours - theirs).abs() <= tolerance, "{name}: {ours} is not {theirs}");
    });
}

#[test]
fn bit_depth_equals_numpy_to_the_bit() {
    assert_golden("bit_depth", 3 * 8);
}

#[test]
fn median_equals_scipy_to_the_bit() {
    assert_golden("median", 14 * 4);
}

#[test]
fn non_local_means_equals_opencv_in_every_pixel() {
    assert_golden("nlm", 14 * 4);
}

#[test]
fn gaussian_blur_is_scipys() {
    assert_close_to_golden("gaussian", 6 * 3, 1e-6);
}

#[test]
fn the_bilateral_filter_is_opencvs() {
    assert_close_to_golden("bilateral", 6 * 2, 1e-5);
}

#[test]
fn total_variation_is_scikit_images() {
    assert_close_to_golden("tv", 6 * 2, 1e-5);
}

#[test]
fn wavelet_shrinkage_is_pywavelets() {
    assert_close_to_golden("wavelet", 6 * 2, 1e-6);
}

#[test]
fn jpeg_loses_less_the_higher_its_quality() {
    let golden = golden();
    for name in ["grey-32x32", "colour-48x64"] {
        let picture = &golden[name];
        let loss = |quality: u32| {
            let squeezed = squeeze(&format!("jpeg({quality})"), picture);
            let levels = squeezed.pixels().iter().zip(picture.pixels()).map(|(after, before)| 255.0 * (after - before));
            levels.map(f32::abs).sum::<f32>() / picture.pixels().len() as f32
        };
        let losses = [1, 10, 50, 90, 100].map(loss);
        assert!(losses.is_sorted_by(|worse, better| worse > better) && losses[4] < 1.5, "{name}: {losses:?}");
    }
}

#[test]
fn a_picture_of_one_colour_stays_so() {
    for name in ["bit_depth(8)", "bit_depth(1)", "median(2,2)", "median(5,3)", "nlm(13,3,2)", "nlm(5,7,40)"] {
        for (channels, value) in [(1, 0.0), (1, 1.0), (3, 0.0), (3, 1.0)] {
            let flat = Picture::new(channels, 5, 9, vec![value; channels * 45]).unwrap();
            // OpenCV's way to L*a*b* and back turns white into 254.
            let white = if channels == 3 && name.starts_with("nlm") { 254.0 / 255.0 } else { 1.0 };
            assert_eq!(squeeze(name, &flat), mapped(&flat, |pixel| pixel * white), "{name}");
        }
    }
}

#[test]
fn a_picture_of_one_colour_stays_nearly_so_where_sums_are_rounded() {
    let names = ["bilateral(5,20,1)", "crop(0.6)", "gaussian(1.5)", "resize(0.3)", "tv(0.2)", "wavelet(10)"];
    for (name, channels) in names.into_iter().flat_map(|name| [(name, 1), (name, 3)]) {
        let squeezed = squeeze(name, &Picture::new(channels, 5, 9, vec![0.3; channels * 45]).unwrap());
        assert!(squeezed.pixels().iter().all(|pixel| (pixel - 0.3).abs() < 1e-6), "{name}");
    }
}

#[test]
fn what_keeps_everything_changes_nothing() {
    let grey = &golden()["grey-28x28"];
    for name in ["crop(1)", "gaussian(0.1)", "resize(1)"] {
        assert_eq!(squeeze(name, grey), *grey, "{name}");
    }
}

#[test]
fn the_middle_is_enlarged() {
    let rows = [0.9, 0.1, 0.5, 0.2, 0.7, 0.8];
    let middle = Picture::new(1, 3, 1, rows[1..4].to_vec()).unwrap();
    let enlarged = portcullis::tensor::resize(&middle, 6, 1).unwrap();
    assert_eq!(squeeze("crop(0.5)", &Picture::new(1, 6, 1, rows.to_vec()).unwrap()), enlarged);
}

#[test]
fn noise_depends_on_the_seed_and_on_every_pixel() {
    let noise = |seed: u64, pixels: [f32; 4]| {
        let squeezed = squeeze(&format!("noise(8,{seed})"), &Picture::new(1, 2, 2, pixels.to_vec()).unwrap());
        squeezed.pixels().iter().zip(pixels).map(|(noisy, pixel)| noisy - pixel).collect::<Vec<_>>()
    };
    let (grey, nearly) = ([0.5; 4], [0.5, 0.5, 0.5, 0.502]);
    assert_eq!(noise(1, grey), noise(1, grey));
    assert_ne!(noise(1, grey), noise(2, grey));
    assert!(noise(1, grey).iter().zip(noise(1, nearly)).all(|(one, other)| (one - other).abs() > 1e-6));
}

#[test]
fn numbers_that_are_no_pixels_do_no_harm() {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0, 7e30, 0.5];
    let pixels: Vec<f32> = values.iter().cycle().take(3 * 6 * 7).copied().collect();
    let picture = Picture::new(3, 6, 7, pixels).unwrap();
    let first = ["bit_depth(3)", "median(2,2)", "median(3,3)", "median(4,5)", "nlm(7,3,2)", "bilateral(5,20,1)"];
    let others = ["crop(0.7)", "gaussian(1)", "jpeg(75)", "noise(4,1)", "resize(0.5)", "tv(0.1)", "wavelet(8)"];
    for name in first.into_iter().chain(others) {
        assert_eq!(squeeze(name, &picture).pixels().len(), picture.pixels().len());
    }
}

fn a_picture() -> impl Strategy<Value = Picture> {
    (1..5_usize, 1..20_usize, 1..40_usize).prop_flat_map(|(channels, height, width)| {
        prop::collection::vec(0.0..=1.0_f32, channels * height * width)
            .prop_map(move |pixels| Picture::new(channels, height, width, pixels).unwrap())
    })
}

fn a_median() -> impl Strategy<Value = String> {
    (1..6_usize, 1..6_usize).prop_map(|(rows, columns)| format!("median({rows},{columns})"))
}

fn a_non_local_means() -> impl Strategy<Value = String> {
    (1..5_usize, 0..4_usize, 1..400_u32).prop_map(|(search, block, strength)| {
        format!("nlm({},{},{})", 2 * search + 1, 2 * block + 1, f64::from(strength) / 4.0)
    })
}

/// A number with two digits after the point.
fn hundredths(range: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = f64> {
    range.prop_map(|number| f64::from(number) / 100.0)
}

/// Any but noise, which looks at all channels.
fn a_quiet_squeezer() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..9).prop_map(|bits| format!("bit_depth({bits})")),
        a_median(),
        a_non_local_means(),
        (1..6_usize, hundredths(10..=9000), hundredths(10..=900))
            .prop_map(|(radius, colour, space)| format!("bilateral({},{colour},{space})", 2 * radius + 1)),
        hundredths(50..=100).prop_map(|share| format!("crop({share})")),
        hundredths(10..=900).prop_map(|sigma| format!("gaussian({sigma})")),
        (1..=100).prop_map(|quality| format!("jpeg({quality})")),
        hundredths(10..=100).prop_map(|factor| format!("resize({factor})")),
        hundredths(1..=100).prop_map(|weight| format!("tv({weight})")),
        hundredths(10..=9000).prop_map(|sigma| format!("wavelet({sigma})")),
    ]
}

fn a_squeezer() -> impl Strategy<Value = String> {
    let noise = (hundredths(10..=9000), any::<u64>()).prop_map(|(sigma, seed)| format!("noise({sigma},{seed})"));
    prop_oneof![10 => a_quiet_squeezer(), 1 => noise]
}

/// The picture with `change` applied to each pixel.
fn mapped(picture: &Picture, change: impl Fn(f32) -> f32) -> Picture {
    let pixels = picture.pixels().iter().map(|&pixel| change(pixel)).collect();
    Picture::new(picture.channels(), picture.height(), picture.width(), pixels).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_picture_gives_the_same_of_the_same_shape_and_range(name in a_squeezer(), picture in a_picture()) {
        let squeezed = squeeze(&name, &picture);
        let shape = |picture: &Picture| (picture.channels(), picture.height(), picture.width());
        prop_assert_eq!(shape(&squeezed), shape(&picture));
        prop_assert!(squeezed.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        prop_assert_eq!(squeeze(&name, &picture), squeezed);
    }

    #[test]
    fn a_name_survives_being_read(name in a_squeezer()) {
        prop_assert_eq!(parse(&name).unwrap().name(), name);
    }

    #[test]
    fn fewer_bits_leave_few_values_and_change_nothing_twice(bits in 1..9_u32, picture in a_picture()) {
        let name = format!("bit_depth({bits})");
        let once = squeeze(&name, &picture);
        let mut values: Vec<u32> = once.pixels().iter().map(|pixel| pixel.to_bits()).collect();
        values.sort_unstable();
        values.dedup();
        prop_assert!(values.len() <= 1 << bits);
        prop_assert_eq!(squeeze(&name, &once), once);
    }

    #[test]
    fn a_median_keeps_order_whatever_the_scale(name in a_median(), picture in a_picture()) {
        let square = |pixel: f32| pixel * pixel;
        prop_assert_eq!(squeeze(&name, &mapped(&picture, square)), mapped(&squeeze(&name, &picture), square));
    }

    #[test]
    fn channels_other_than_three_are_squeezed_one_by_one(name in a_quiet_squeezer(), picture in a_picture()) {
        prop_assume!(picture.channels() != 3);
        let squeezed = squeeze(&name, &picture);
        for (before, after) in picture.planes().zip(squeezed.planes()) {
            let alone = Picture::new(1, picture.height(), picture.width(), before.to_vec()).unwrap();
            let alone = squeeze(&name, &alone);
            prop_assert_eq!(alone.pixels(), after);
        }
    }

    #[test]
    fn a_mean_lies_between_the_extremes(name in a_non_local_means(), picture in a_picture()) {
        prop_assume!(picture.channels() == 1);
        let extremes = |pixels: &[u8]| (*pixels.iter().min().unwrap(), *pixels.iter().max().unwrap());
        let (low, high) = extremes(&picture.to_interleaved_u8());
        let (least, most) = extremes(&squeeze(&name, &picture).to_interleaved_u8());
        prop_assert!(low <= least && most <= high);
    }
}
