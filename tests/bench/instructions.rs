//! Squeezes one picture a number of times, or takes it from a request's tensor or into one, and ends: for `instructions.py`,
//! which counts what that takes.

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
    let picture = picture::waves(side.parse().expect("a side in pixels"));
    let input = picture::input(&picture);
    let values = input.encode(&picture);
    let work: Box<dyn Fn()> = match name.as_str() {
        "decode" => Box::new(|| drop(black_box(input.decode_item(black_box(&values))))),
        "encode" => Box::new(|| drop(black_box(input.batch([black_box(&picture)])))),
        squeezer => {
            let squeezer = parse(squeezer).expect("a known squeezer");
            Box::new(move || drop(black_box(squeezer.squeeze(black_box(&picture)))))
        }
    };
    for _ in 0..times.parse().expect("a number of times") {
        work();
    }
}
