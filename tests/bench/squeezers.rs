//! How long each squeezer takes on colour pictures of 224x224 and 32x32, in one thread, and the way from a tensor to a picture
//! and back; and a prediction of a ResNet-20 to hold that against. `squeezers.py` runs this in turns with what others offer, and
//! compares.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and ends")]

#[path = "picture.rs"]
mod picture;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use portcullis::model::{OnnxModel, Runtime, Workers};
use portcullis::squeeze::parse;
use portcullis::tensor::{Elements, Tensor};

use self::picture::{input, waves};

const SIDES: [usize; 2] = [224, 32];
/// Each kind of squeezer, as it is used.
const SQUEEZERS: [&str; 13] = [
    "bit_depth(5)",
    "median(2,2)",
    "median(3,3)",
    "nlm(11,3,4)",
    "nlm(13,3,2)",
    "bilateral(9,50,3)",
    "crop(0.9)",
    "gaussian(1)",
    "jpeg(75)",
    "noise(8,1)",
    "resize(0.5)",
    "tv(0.05)",
    "wavelet(8)",
];

fn squeezers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("squeezers");
    for side in SIDES {
        let picture = waves(side);
        for name in SQUEEZERS {
            let squeezer = parse(name).expect("a known squeezer");
            group.bench_with_input(BenchmarkId::new(name, side), &picture, |bencher, picture| {
                bencher.iter(|| squeezer.squeeze(black_box(picture)));
            });
        }
    }
}

/// From the values of a tensor to a picture, and from a picture to a tensor.
fn tensors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tensors");
    for side in SIDES {
        let picture = waves(side);
        let input = input(&picture);
        let values = input.encode(&picture);
        group.bench_with_input(BenchmarkId::new("decode", side), &values, |bencher, values| {
            bencher.iter(|| input.decode_item(black_box(values)));
        });
        group.bench_with_input(BenchmarkId::new("encode", side), &picture, |bencher, picture| {
            bencher.iter(|| input.batch([black_box(picture)]));
        });
    }
}

/// One picture through ../shared's ResNet-20, if it is there.
fn prediction(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models/cifar10_resnet20.onnx");
    if !file.exists() {
        return;
    }
    let runtime = Runtime::load(None).expect("`make onnxruntime` fetches the library");
    let model = Arc::new(OnnxModel::load(&runtime, &file, 1, 1).expect("a usable model"));
    let workers = Workers::start(1, 1).expect("a thread");
    let pixels = Elements::Fp32(waves(32).pixels().to_vec());
    let input = Arc::new([Tensor::new("input", vec![1, 3, 32, 32], pixels).expect("a picture")]);
    criterion.bench_function("resnet20", |bencher| {
        bencher.iter_custom(|runs| {
            let (model, input) = (model.clone(), input.clone());
            let timed = workers.submit_waiting(move |worker| {
                let began = Instant::now();
                for _ in 0..runs {
                    black_box(model.run(worker, &*input, &[]).expect("a prediction"));
                }
                began.elapsed()
            });
            timed.wait().expect("a time")
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .nresamples(1000);
    targets = squeezers, tensors, prediction
}
criterion_main!(benches);
