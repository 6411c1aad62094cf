//! A text and what squeezers changed of it, for people.

use std::time::{Duration, Instant};

use portcullis::difference::{Marks, signs};
use portcullis::evidence::SqueezedText;

use crate::cli::paint;

/// Characters of a text that a line has room for.
const EXCERPT: usize = 120;
/// How long a difference may be looked for; what is not found then counts as replaced.
const PATIENCE: Duration = Duration::from_millis(200);

/// Prints the text, what of it is not what it seems, and how each copy differs.
pub fn print(text: &str, copies: &[SqueezedText]) {
    let coloured = paint::is_wanted();
    println!("text: {}", Marks::of(text).in_line(coloured));
    for sign in signs(text) {
        let letter = sign.looks_like.as_ref().map_or(String::new(), |_| format!("{} ", sign.character));
        println!("  {letter}{} ({}), {} of them", sign.code(), sign.meaning(), sign.count);
    }
    for SqueezedText { squeezer, text: copy } in copies {
        if let Some(copy) = copy {
            let marks = Marks::between(text, copy, Instant::now() + PATIENCE);
            println!("after {squeezer}: {}", marks.in_line(coloured));
        }
    }
    let idle = copies.iter().filter(|copy| copy.text.is_none());
    let idle: Vec<&str> = idle.map(|copy| copy.squeezer.as_str()).collect();
    if !idle.is_empty() {
        println!("nothing to change for {}", idle.join(", "));
    }
}

/// The beginning of a text in one line.
pub fn excerpt(text: &str) -> String {
    Marks::beginning(text, EXCERPT).in_line(paint::is_wanted())
}
