//! Colours, on a terminal whose owner wants them.

use std::io::IsTerminal;

/// A decision's name in its colour: red where it is suspicious, yellow where it is undecided.
pub fn decision(name: &str) -> String {
    match name {
        "suspicious" => in_colour(31, name),
        "undecided" => in_colour(33, name),
        _ => name.to_owned(),
    }
}

/// Good news in green, bad news in red.
pub fn health(is_good: bool, text: &str) -> String {
    in_colour(if is_good { 32 } else { 31 }, text)
}

/// Whether standard output is a terminal whose owner wants colours.
pub fn is_wanted() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn in_colour(code: u8, text: &str) -> String {
    if is_wanted() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
