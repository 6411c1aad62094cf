//! The data that people have are read as they are: real MNIST, CIFAR-10, GTSRB, ImageNet and chest radiographs.

#![expect(clippy::expect_used, reason = "tests may give up")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portcullis::data::{AdversarialSet, Dataset, Format, Options, Split};
use portcullis::tensor::Colour;

/// A real data set, where it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        println!("skipped: ../shared is missing");
        return None;
    }
    Some(path)
}

/// Mean of all pixel values and sum of all labels of the first `count` samples.
fn fingerprint(data: &Dataset, count: usize) -> (f64, usize) {
    let samples: Vec<_> = data.samples_at(0..count, true).map(Result::unwrap).collect();
    let pixels = samples.iter().flat_map(|sample| sample.picture.pixels()).map(|&pixel| f64::from(pixel));
    let values: usize = samples.iter().map(|sample| sample.picture.pixels().len()).sum();
    (pixels.sum::<f64>() / values as f64, samples.iter().filter_map(|sample| sample.label).sum())
}

/// What NumPy says of the same samples.
fn assert_fingerprint(data: &Dataset, mean: f64, labels: usize) {
    let ours = fingerprint(data, 100);
    assert!((ours.0 - mean).abs() < 1e-6, "mean {} is not {mean}", ours.0);
    assert_eq!(ours.1, labels);
}

#[test]
fn mnist_is_read_from_idx() {
    let Some(path) = shared("mnist") else { return };
    let test = Dataset::open(&path, &Options::default()).unwrap();
    assert_eq!((test.format(), test.len()), (Format::Idx, 5000));
    assert_fingerprint(&test, 0.151471789, 0);
    let train = Dataset::open(path, &Options { split: Some(Split::Train), ..Options::default() }).unwrap();
    assert_eq!(train.len(), 20_000);
}

#[test]
fn cifar10_is_read_from_its_binary_form() {
    let Some(path) = shared("cifar10") else { return };
    let test = Dataset::open(&path, &Options::default()).unwrap();
    assert_eq!((test.format(), test.len()), (Format::Cifar, 5000));
    assert_eq!(test.classes().unwrap()[9], "truck");
    assert_fingerprint(&test, 0.472906020, 445);
    let train = Dataset::open(path, &Options { split: Some(Split::Train), ..Options::default() }).unwrap();
    assert_eq!(train.len(), 15_000);
}

#[test]
fn gtsrb_is_read_from_npz() {
    let Some(path) = shared("gtsrb") else { return };
    let test = Dataset::open(path, &Options::default()).unwrap();
    assert_eq!((test.format(), test.len()), (Format::Numpy, 4000));
    assert_fingerprint(&test, 0.345942147, 1602);
}

#[test]
fn chest_radiographs_are_read_from_folders() {
    let Some(path) = shared("chest_xray") else { return };
    let test = Dataset::open(path, &Options { colour: Some(Colour::Grey), ..Options::default() }).unwrap();
    assert_eq!((test.format(), test.len()), (Format::Folder, 200));
    assert_eq!(test.classes().unwrap(), ["normal", "pneumonia"]);
    assert_eq!(test.get(199).unwrap().label, Some(1));
    assert_eq!(test.get(0).unwrap().picture.channels(), 1);
}

/// Mean of every channel of the first photographs, cropped and resized by PIL, in 1/255.
const PIL_PHOTOGRAPHS: [[f32; 3]; 5] = [
    [114.78, 116.59, 96.18],
    [81.44, 83.77, 54.63],
    [146.34, 148.24, 151.20],
    [61.84, 85.35, 108.47],
    [156.44, 141.33, 131.34],
];

#[test]
fn photographs_are_prepared_as_pil_does() {
    let Some(path) = shared("imagenet") else { return };
    let data = Dataset::open(path, &Options { size: Some((224, 224)), ..Options::default() }).unwrap();
    assert_eq!((data.len(), data.classes().unwrap().len()), (1000, 1000));
    for (index, expected) in PIL_PHOTOGRAPHS.into_iter().enumerate() {
        let picture = data.get(index).unwrap().picture;
        let means: Vec<_> =
            picture.planes().map(|plane| 255.0 * plane.iter().sum::<f32>() / plane.len() as f32).collect();
        for (ours, theirs) in means.iter().zip(expected) {
            assert!((ours - theirs).abs() < 0.5, "photograph {index}: {ours} is not PIL's {theirs}");
        }
    }
}

#[test]
fn adversarial_sets_are_read_whole() {
    for (name, attacks) in [
        ("mnist_cnn.npz", ["cw2", "fgsm_paper", "pgd8"]),
        ("gtsrb_cnn.npz", ["cw2", "fgsm8", "pgd8"]),
        ("cifar10_resnet20.npz", ["cw2", "fgsm_paper", "pgd8"]),
    ] {
        let Some(path) = shared("adversarial") else { return };
        let set = AdversarialSet::open(path.join(name)).unwrap();
        assert_eq!((set.seeds().len(), set.attacks()), (200, attacks.map(str::to_owned).to_vec()));
        assert!(set.seeds().iter().all(|seed| seed.label.is_some()));
        assert!(set.results().iter().all(|result| result.successful.iter().any(|&flag| flag)));
    }
}

/// What `portcullis data ARGUMENTS` prints, and whether it succeeds.
fn data_command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis")).arg("data").args(arguments).output().expect("the binary runs")
}

#[test]
fn signs_are_drawn_wherever_a_path_is_asked_for() {
    let open = |split| {
        let options = Options { split, size: Some((16, 24)), colour: Some(Colour::Grey), ..Options::default() };
        Dataset::open("signs:3", &options).unwrap()
    };
    let (train, test) = (open(Some(Split::Train)), open(None));
    assert_eq!((train.format(), train.len(), test.len()), (Format::Drawn, 12_000, 4_000));
    let sample = test.get(3_994).unwrap();
    let picture = &sample.picture;
    assert_eq!((picture.channels(), picture.height(), picture.width()), (1, 16, 24));
    assert_eq!(
        (test.classes().unwrap()[sample.label.unwrap()].as_str(), sample.name.as_str()),
        ("stop", "signs:3/test#3994")
    );
    assert!(Dataset::open("signs:three", &Options::default()).is_err());
}

#[test]
fn written_signs_are_read_back_and_a_full_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("deep/signs", Format::Folder), ("deep/signs.npz", Format::Numpy)] {
        let out = folder.path().join(name);
        let arguments =
            ["signs", "--out", out.to_str().unwrap(), "--count", "40", "--size", "16", "--seed", "7", "--json"];
        let summary: serde_json::Value = serde_json::from_slice(&data_command(&arguments).stdout).unwrap();
        assert_eq!((&summary["pictures"], summary["classes"].as_array().unwrap().len()), (&40.into(), 20));
        let read = Dataset::open(&out, &Options::default()).unwrap();
        assert_eq!((read.format(), read.len(), read.classes().unwrap()[14].as_str()), (format, 40, "stop"));
        assert_eq!(read.samples(true).filter(|sample| sample.as_ref().unwrap().label == Some(14)).count(), 2);
    }
    let out = folder.path().join("deep/signs");
    let again = data_command(&["signs", "--out", out.to_str().unwrap(), "--count", "1"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("there already"));
}

#[test]
fn written_luggage_keeps_its_16_bits_and_is_no_png() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("luggage.npz");
    let arguments = ["luggage", "--count", "7", "--size", "24", "--half", "test", "--out"];
    assert!(data_command(&[&arguments[..], &[out.to_str().unwrap()]].concat()).status.success());
    let options = Options { size: Some((24, 24)), ..Options::default() };
    let (read, drawn) = (Dataset::open(&out, &options).unwrap(), Dataset::open("luggage:1:7", &options).unwrap());
    assert_eq!((read.len(), read.classes()), (7, drawn.classes()));
    for index in 0..7 {
        let (read, drawn) = (read.get(index).unwrap(), drawn.get(index).unwrap());
        assert_eq!((read.label, read.picture), (drawn.label, drawn.picture));
    }
    let png = data_command(&[&arguments[..], &[folder.path().join("folder").to_str().unwrap()]].concat());
    assert!(!png.status.success() && String::from_utf8_lossy(&png.stderr).contains("FILE.npz"));
}

#[test]
fn a_contact_sheet_has_a_row_a_class_and_names_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (pictures, sheet) = (folder.path().join("pictures"), folder.path().join("sheet.png"));
    for class in ["ham", "spam"] {
        fs::create_dir_all(pictures.join(class)).unwrap();
        for name in ["1.png", "2.png"] {
            image::RgbImage::new(9, 9).save(pictures.join(class).join(name)).unwrap();
        }
    }
    fs::write(pictures.join("ham/1.png"), "no picture").unwrap();
    let (data, out) = (pictures.to_str().unwrap(), sheet.to_str().unwrap());
    let output = data_command(&["sheet", "--data", data, "--out", out, "--columns", "3", "--size", "20"]);
    let (said, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("row   2: spam"), "{said}");
    assert!(warned.contains("1.png") && warned.contains("could not be read: 1"), "{warned}");
    assert_eq!(image::image_dimensions(&sheet).unwrap(), (2 + 2 * 22, 2 + 2 * 22));
}
