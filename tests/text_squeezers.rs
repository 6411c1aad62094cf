//! Squeezers of text never break a message, whoever wrote it and in whatever language, and take their time in proportion.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use portcullis::squeeze::text::{TextSqueezer, Vocabulary, parse_text, words};
use proptest::prelude::*;

/// What leaves a text as it is that it has made itself.
const NORMALISERS: [&str; 10] = [
    "nfkc",
    "skeleton",
    "invisible",
    "accents",
    "leet",
    "spacing",
    "repeats",
    "spelling(1)",
    "spelling(2)",
    "frequency(3)",
];
const OTHERS: [&str; 4] =
    ["dropout(0.3,7)", "segment(1,2)", "segment(2,3)", "invisible+nfkc+skeleton+accents+leet+spacing"];

static VOCABULARY: LazyLock<Arc<Vocabulary>> = LazyLock::new(|| {
    Arc::new(Vocabulary::fit([
        "free free free cash cash prize prize winner call call now now claim claim urgent urgent message message",
        "see you at home tonight, the bus is late; u r a star, in to into, i am on the way way way",
        "güzel güzel çok привет привет नमस्ते नमस्ते мир",
    ]))
});

fn squeezer(name: &str) -> Box<dyn TextSqueezer> {
    parse_text(name, &VOCABULARY).unwrap()
}

fn all() -> impl Iterator<Item = Box<dyn TextSqueezer>> {
    NORMALISERS.iter().chain(&OTHERS).map(|name| squeezer(name))
}

fn multilingual() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/multilingual.tsv");
    let file = std::fs::read_to_string(path).unwrap();
    file.lines().map(|line| line.split_once('\t').unwrap().1.to_owned()).collect()
}

/// Messages that are likely to make trouble: words of the vocabulary, disguised, pulled apart, piled up.
fn messages() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9@$!|]{1,6}",
        4 => proptest::sample::select(vec![
            "free", "cash", "fr ee", "f r e e", "c.a.s.h", "FR33", "c4sh", "frее", "u", "r", "a", "i", "in", "to", "w4y",
            "messsage", "caaaash", "İSTANBUL", "ß", "ΣΑΣ", "ﬁ", "नमस्ते", "می\u{200c}خواهم", "👩\u{200d}👩", "🏴", "ǅ", "ŉ",
        ]).prop_map(str::to_owned),
        4 => "[ .,\\-*\n!]{1,4}",
        2 => "[\u{200b}-\u{200f}\u{300}-\u{305}\u{fe0f}\u{20e3}\u{e0061}-\u{e0063}\u{e007f}\u{ad}\u{180b}\u{1160}\u{1100}]{1,3}",
        2 => "[а-яα-ωІΙаеорс]{1,5}",
        1 => "\\PC{1,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_normaliser_leaves_alone_what_it_has_made(message in messages()) {
        for name in NORMALISERS {
            let squeezer = squeezer_once(name);
            let once = squeezer.squeeze(&message);
            let twice = squeezer.squeeze(&once);
            prop_assert_eq!(&twice, &once, "{} of {:?}", name, message);
        }
    }

    #[test]
    fn no_message_breaks_a_squeezer(message in any::<String>(), more in messages()) {
        for message in [&message, &more] {
            for squeezer in SQUEEZERS.iter() {
                let squeezed = squeezer.squeeze(message);
                prop_assert_eq!(&squeezed, &squeezer.squeeze(message), "{} is the same every time", squeezer.name());
                // NFKC lengthens a character up to eighteen times.
                prop_assert!(squeezed.len() <= 18 * message.len(), "{} of {:?}", squeezer.name(), message);
            }
        }
    }
}

static SQUEEZERS: LazyLock<Vec<Box<dyn TextSqueezer>>> = LazyLock::new(|| all().collect());

fn squeezer_once(name: &str) -> &'static dyn TextSqueezer {
    SQUEEZERS.iter().find(|squeezer| squeezer.name() == name).unwrap().as_ref()
}

#[test]
fn everyday_messages_of_any_language_keep_their_letters() {
    for message in multilingual() {
        // NFKC is left out: it parts a Thai vowel in two.
        for name in ["skeleton", "invisible", "leet", "spacing", "repeats"] {
            let squeezed = squeezer(name).squeeze(&message).into_owned();
            let letters = |text: &str| text.chars().filter(|letter| letter.is_alphabetic()).collect::<String>();
            // The standard holds these two for the same as ASCII ones.
            let plain = |text: &str| letters(text).replace('ı', "i").replace('œ', "oe");
            assert_eq!(plain(&squeezed), plain(&message), "{name}");
        }
        assert_eq!(squeezer("invisible").squeeze(&message), message, "nothing in it is hidden");
        let has_latin_marks = squeezer("accents").squeeze(&message) != message;
        let is_latin = message.chars().any(|letter| letter.is_ascii_alphabetic());
        assert!(is_latin || !has_latin_marks, "{message}");
    }
}

#[test]
fn a_message_that_nothing_is_wrong_with_is_not_copied() {
    let message = "See you at home tonight, the bus is late";
    for squeezer in NORMALISERS.map(squeezer).iter().filter(|squeezer| squeezer.name() != "frequency(3)") {
        assert!(matches!(squeezer.squeeze(message), Cow::Borrowed(same) if same == message), "{}", squeezer.name());
    }
}

#[test]
fn a_chain_looks_through_disguises_on_top_of_each_other() {
    let chain = squeezer("invisible+nfkc+skeleton+accents+leet+spacing+repeats+spelling(1)");
    for disguised in ["F\u{200b}RÉ3", "ｆ r ｅ ｅ", "frеeee", "fr\u{ad}.ee"] {
        assert_eq!(chain.squeeze(disguised).to_lowercase(), "free", "{disguised:?}");
    }
}

#[test]
fn hostile_messages_take_time_in_proportion() {
    let long = |pattern: &str| pattern.repeat(300_000 / pattern.len());
    let marks = long("\u{301}\u{316}\u{489}");
    for (kind, text) in [
        ("marks", format!("a{marks}")),
        ("marks on each letter", long(&format!("e{}", "\u{301}".repeat(40)))),
        ("one word", long("x")),
        ("one leet word", long("1a")),
        ("single letters", long("f ")),
        ("unknown words", (0..30_000).map(|number| format!("w{number}ord ")).collect()),
        ("joiners", format!("क{}", long("\u{200d}"))),
        ("tags", format!("🏴{}", long("\u{e0061}"))),
        ("spaces", long(" ")),
        ("look-alikes", long("асеор ")),
        ("ligatures", long("ﷺ")),
    ] {
        for squeezer in SQUEEZERS.iter() {
            let start = Instant::now();
            let squeezed = squeezer.squeeze(&text);
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{} takes {:?} for {kind}",
                squeezer.name(),
                start.elapsed()
            );
            assert!(squeezed.len() <= 18 * text.len());
        }
    }
}

#[test]
fn dropout_only_leaves_words_out() {
    for message in multilingual() {
        let squeezed = squeezer("dropout(0.3,7)").squeeze(&message).into_owned();
        let of = |text: &str| words(text).map(|word| text[word].to_owned()).collect::<Vec<_>>();
        let (left, mut all) = (of(&squeezed), of(&message).into_iter());
        assert!(left.iter().all(|word| all.any(|other| other == *word)), "{squeezed}");
    }
}
