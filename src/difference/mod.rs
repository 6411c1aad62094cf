//! What differs between two messages, for people: word by word, with what nobody sees and what looks like something else
//! made visible on a page (the macros of `marks.html`) or in a terminal.

mod align;
mod marks;
mod signs;
mod terminal;

pub use align::{Change, Difference, Stretch};
pub use marks::{Marks, Part, Piece, Run};
pub use signs::{Sign, signs};

/// How marks look on a page.
pub const STYLE: &str = include_str!("marks.css");
