//! Squeezes one picture a number of times and ends: for `instructions.py`, which counts what that takes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and ends")]

#[path = "picture.rs"]
mod picture;

use std::hint::black_box;

use portcullis::squeeze::parse;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, side, times] = arguments.as_slice() else {
        eprintln!("run it by `make instructions`");
        return;
    };
    let squeezer = parse(name).expect("a known squeezer");
    let picture = picture::waves(side.parse().expect("a side in pixels"));
    for _ in 0..times.parse().expect("a number of times") {
        black_box(squeezer.squeeze(black_box(&picture)));
    }
}
