//! What differs between two messages is told truly, whatever is written, and nothing that a message holds takes hold of
//! the page or the terminal that shows it.

use std::time::{Duration, Instant};

use askama::Template;
use portcullis::difference::{Change, Difference, Marks, Piece, signs};
use proptest::prelude::*;

/// Long enough for any texts of these tests, however busy the machine is.
fn leisure() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// Messages with what makes trouble: look-alikes, invisible characters, marks, markup, controls, right-to-left writing.
fn messages() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 .,!]{1,8}",
        3 => "[\u{0}-\u{20}\u{7f}-\u{9f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{61c}\u{ad}\u{feff}]{1,3}",
        2 => proptest::sample::select(vec![
            "<script>", "</title>", "<img src=x onerror=alert(1)>", "\"'&amp;", "Frее", "рrіzе", "مرحبا", "שלום", "👩\u{200d}👩",
            "e\u{301}\u{302}", "\r\n", "\u{1b}[31m", "\u{1b}]0;title\u{7}",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A message and what somebody made of it.
fn pairs() -> impl Strategy<Value = (String, String)> {
    let changed = (messages(), messages(), messages(), messages())
        .prop_map(|(begin, old, new, end)| (format!("{begin}{old}{end}"), format!("{begin}{new}{end}")));
    prop_oneof![changed, (messages(), messages())]
}

fn shown(marks: &Marks) -> String {
    let pieces = marks.parts.iter().flat_map(|part| &part.runs).flat_map(|run| &run.pieces);
    pieces.map(Piece::shown).collect()
}

#[derive(Template)]
#[template(
    source = r#"{% import "difference/marks.html" as marks %}{% call marks::text(message) %}{% endcall %}"#,
    ext = "html"
)]
struct Page {
    message: Marks,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_stays_with_what_goes_is_the_former_text_and_with_what_comes_the_latter((before, after) in pairs()) {
        let difference = Difference::between(&before, &after, leisure());
        let without = |change: Change| -> String {
            let stretches = difference.stretches().iter().filter(|stretch| stretch.change != change);
            stretches.map(|stretch| &difference.text_of(stretch)[stretch.bytes.clone()]).collect()
        };
        prop_assert_eq!(without(Change::Come), before.clone());
        prop_assert_eq!(without(Change::Gone), after.clone());
        let marks = Marks::between(&before, &after, leisure());
        prop_assert_eq!(marks.parts.iter().all(|part| part.change == Change::Same), before == after);
    }

    #[test]
    fn nothing_of_a_message_rearranges_what_is_around_it_or_is_obeyed_by_a_terminal((before, after) in pairs()) {
        let marks = Marks::between(&before, &after, leisure());
        let turns = |character: char| {
            matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        prop_assert!(!shown(&marks).contains(turns));
        let line = marks.in_line(false);
        prop_assert!(!line.contains(char::is_control) && !line.contains(turns), "{line:?}");
        let html = Page { message: marks }.render().unwrap();
        let own = ["bdi", "span", "ins", "del", "mark"];
        for tag in html.split('<').skip(1) {
            let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap();
            prop_assert!(own.contains(&name), "{tag}");
        }
    }
}

#[test]
fn a_disguise_is_seen_on_both_sides_of_what_it_hides() {
    let marks = Marks::between("Frее en\u{200b}try", "Free entry", leisure());
    assert_eq!(marks.in_line(false), "[-Frее en<U+200B>try-]{+Free entry+}");
    assert_eq!(
        Page { message: marks.clone() }.render().unwrap(),
        "<bdi class=\"marked\" dir=\"auto\"><del>Fr<mark>\
         <bdi class=\"disguised\" title=\"U+0435, Cyrillic, looks like e\">е</bdi>\
         <bdi class=\"disguised\" title=\"U+0435, Cyrillic, looks like e\">е</bdi></mark> en<mark><bdi class=\"hidden-character\" title=\"invisible\">U+200B</bdi></mark>try</del>\
         <ins>Fr<mark>ee</mark> entry</ins></bdi>"
    );
    assert!(marks.in_line(true).contains("\u{1b}[31mFr\u{1b}[0m\u{1b}[31m\u{1b}[1;4m\u{1b}[33;4mе"));
    assert_eq!(signs("Frее en\u{200b}try").iter().map(|sign| sign.count).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn of_a_long_message_the_middle_of_what_is_the_same_is_left_out_and_no_more_than_fits_a_screen_is_shown() {
    let ham = "see you at home after work ".repeat(60);
    let marks = Marks::between(&format!("{ham}Frее"), &format!("{ham}Free"), leisure());
    let line = marks.in_line(false);
    assert!(line.starts_with("see you at home") && line.ends_with("after work [-Frее-]{+Free+}"), "{line}");
    assert!(line.contains("… 1440 characters …") && line.chars().count() < 260, "{line}");

    let changes: String = (0..20_000).map(|number| format!("{number} \u{200b}")).collect();
    let marks = Marks::between(&changes, "", leisure());
    assert!(shown(&marks).chars().count() < 2_000);
    let every_other: String = (0..5_000).map(|number| format!("{number} ")).collect();
    let marks = Marks::between(&every_other, &every_other.replace('1', "l"), leisure());
    assert!(shown(&marks).chars().count() < 2_300);
    assert!(shown(&marks).ends_with(" characters …"));
    assert_eq!(Marks::beginning("Frее entry to win", 4).in_line(false), "Frее… 13 characters …");
}

#[test]
fn a_difference_that_takes_too_long_is_coarse_and_soon_there() {
    let (before, after) = ("a b c d ".repeat(8_000), "d c b a ".repeat(8_000));
    let began = Instant::now();
    Marks::between(&before, &after, began + Duration::from_millis(50));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
