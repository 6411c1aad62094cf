//! Attacks on text fool a filter of words, within their bounds, and squeezers see what they did.
#![expect(clippy::unwrap_used, reason = "a test whose case can't be set up fails")]

use std::sync::Arc;

use portcullis::attack::text::{Lexicon, MadeText, TextOracle, TextSeed, text_suite};
use portcullis::attack::{Answer, AttackError, Goal};
use portcullis::squeeze::text::{TextSqueezer, Vocabulary, parse_text, words};

const HAM: usize = 0;
const SPAM: usize = 1;
const SPAMMY: [&str; 8] = ["free", "cash", "prize", "winner", "claim", "urgent", "call", "now"];
const HAMMY: [&str; 8] = ["see", "you", "home", "later", "sorry", "ok", "tomorrow", "mum"];
const QUERIES: usize = 2_000;

/// A filter that adds up what words speak for and against spam.
#[derive(Default)]
struct Filter {
    asked: usize,
}

impl Filter {
    fn scores(text: &str) -> Vec<f32> {
        let weight = |word: &str| match word.to_lowercase() {
            word if SPAMMY.contains(&word.as_str()) => 1.0,
            word if HAMMY.contains(&word.as_str()) => -1.0,
            _ => 0.0,
        };
        let spam: f32 = words(text).map(|word| weight(&text[word])).sum::<f32>() - 1.5;
        let (for_ham, for_spam) = (1.0 / (1.0 + spam.exp()), 1.0 / (1.0 + (-spam).exp()));
        vec![for_ham.ln(), for_spam.ln()]
    }

    fn reads(text: &str) -> usize {
        portcullis::attack::largest(&Self::scores(text))
    }
}

impl TextOracle for Filter {
    fn ask(&mut self, messages: &[String]) -> Result<Vec<Answer>, AttackError> {
        self.asked += messages.len();
        Ok(messages.iter().map(|message| Answer::Scores(Self::scores(message))).collect())
    }
}

const SEEDS: [&str; 5] = [
    "FREE cash! You are a winner, claim the prize of this week before midnight",
    "Urgent: call now to claim your cash from the national lottery fund today",
    "winner! call the number below and claim a prize worth two hundred pounds",
    "Call now for free cash and more, the offer ends this evening so hurry",
    "This is urgent, a prize of cash waits for you at the shop, so call us",
];

fn seeds() -> Vec<TextSeed> {
    SEEDS.map(|text| TextSeed { text: text.to_owned(), goal: Goal::Not(SPAM) }).to_vec()
}

fn lexicon() -> Arc<Lexicon> {
    let ham = HAMMY.map(|word| (word, HAM));
    Arc::new(Lexicon::fit(ham.into_iter().chain(SEEDS.map(|text| (text, SPAM)))))
}

fn squeezers() -> Vec<Box<dyn TextSqueezer>> {
    let vocabulary = Arc::new(Vocabulary::fit(SEEDS.into_iter().chain(SEEDS)));
    let names = ["invisible", "skeleton", "leet", "spacing", "spelling(1)", "segment(1,2)", "segment(2,2)"];
    names.map(|name| parse_text(name, &vocabulary).unwrap()).into()
}

fn attack(name: &str, knows: &[Box<dyn TextSqueezer>], seed: u64) -> (Vec<MadeText>, usize) {
    let suite = text_suite(&lexicon(), seed);
    let named = suite.iter().find(|named| named.name == name).unwrap();
    let mut filter = Filter::default();
    let made = named.attack.run(&mut filter, knows, &seeds(), QUERIES, &mut || ()).unwrap();
    (made, filter.asked)
}

fn names() -> Vec<&'static str> {
    text_suite(&lexicon(), 0).iter().map(|named| named.name).collect()
}

#[test]
fn every_attack_fools_a_filter_that_nothing_watches_over() {
    for name in names() {
        let (made, asked) = attack(name, &[], 7);
        assert_eq!(made.iter().map(|made| made.queries).sum::<usize>(), asked, "{name} counts its questions");
        for (made, seed) in made.iter().zip(SEEDS) {
            assert!(made.is_reached && made.queries <= QUERIES, "{name}: {}", made.text);
            assert_eq!(Filter::reads(&made.text), HAM, "{name}: {}", made.text);
            assert_ne!(made.text, seed);
        }
    }
}

#[test]
fn a_person_still_reads_most_of_the_words() {
    for name in names() {
        for (made, seed) in attack(name, &[], 7).0.iter().zip(SEEDS) {
            let left = words(seed).filter(|word| words(&made.text).any(|other| made.text[other] == seed[word.clone()]));
            assert!(left.count() * 2 >= words(seed).count(), "{name}: {}", made.text);
            assert!(words(&made.text).count() <= 5 * words(seed).count(), "{name}: {}", made.text);
        }
    }
    assert!(attack("padding_after", &[], 7).0.iter().zip(SEEDS).all(|(made, seed)| made.text.starts_with(seed)));
    assert!(attack("padding_before", &[], 7).0.iter().zip(SEEDS).all(|(made, seed)| made.text.ends_with(seed)));
}

#[test]
fn a_seed_foresees_everything() {
    for name in names() {
        assert_eq!(attack(name, &[], 7), attack(name, &[], 7), "{name}");
    }
    assert_ne!(attack("text_bugger", &[], 7), attack("text_bugger", &[], 8));
}

#[test]
fn a_squeezer_undoes_what_an_attack_that_does_not_know_it_has_done() {
    let squeezers = squeezers();
    for (name, squeezer) in [
        ("homoglyphs", "skeleton"),
        ("zero_width", "invisible"),
        ("leet", "leet"),
        ("spacing", "spacing"),
        ("deep_word_bug", "spelling(1)"),
    ] {
        let squeezer = squeezers.iter().find(|other| other.name() == squeezer).unwrap();
        for made in attack(name, &[], 7).0 {
            assert_eq!(Filter::reads(&squeezer.squeeze(&made.text)), SPAM, "{name}: {}", made.text);
        }
    }
}

#[test]
fn an_adapted_attack_only_counts_what_fools_every_copy() {
    let squeezers = squeezers();
    let mut fooled = 0;
    for name in names() {
        let (made, asked) = attack(name, &squeezers, 7);
        assert_eq!(
            made.iter().map(|made| made.queries).sum::<usize>(),
            asked,
            "{name} counts what it asks about copies"
        );
        for made in made.iter().filter(|made| made.is_reached) {
            fooled += 1;
            for squeezer in &squeezers {
                assert_eq!(
                    Filter::reads(&squeezer.squeeze(&made.text)),
                    HAM,
                    "{name}, {}: {}",
                    squeezer.name(),
                    made.text
                );
            }
        }
    }
    assert!(fooled > 0, "words for words get through");
}

#[test]
fn whoever_gets_no_answer_or_none_in_time_has_not_succeeded() {
    struct Gateway(usize);
    impl TextOracle for Gateway {
        fn ask(&mut self, messages: &[String]) -> Result<Vec<Answer>, AttackError> {
            self.0 += messages.len();
            Ok(vec![Answer::Refused; messages.len()])
        }
    }
    for named in text_suite(&lexicon(), 7) {
        let mut gateway = Gateway(0);
        let made = named.attack.run(&mut gateway, &[], &seeds(), QUERIES, &mut || ()).unwrap();
        assert!(made.iter().zip(SEEDS).all(|(made, seed)| !made.is_reached && made.text == seed), "{}", named.name);
        let made = named.attack.run(&mut Filter::default(), &squeezers(), &seeds(), 20, &mut || ()).unwrap();
        assert!(made.iter().all(|made| made.queries <= 20), "{}: {made:?}", named.name);
    }
}

#[test]
fn a_message_that_is_misread_already_takes_one_question() {
    let seed = TextSeed { text: "see you later".to_owned(), goal: Goal::Not(SPAM) };
    for named in text_suite(&lexicon(), 7) {
        let made =
            named.attack.run(&mut Filter::default(), &[], std::slice::from_ref(&seed), QUERIES, &mut || ()).unwrap();
        assert_eq!(made, [MadeText { text: seed.text.clone(), is_reached: true, queries: 1 }]);
    }
}

#[test]
fn messages_without_words_are_left_alone() {
    for text in ["", "!!! ???", "\u{301}", "👍"] {
        let seed = TextSeed { text: text.to_owned(), goal: Goal::Read(SPAM) };
        for named in text_suite(&Arc::default(), 7) {
            let made = named.attack.run(
                &mut Filter::default(),
                &squeezers(),
                std::slice::from_ref(&seed),
                QUERIES,
                &mut || (),
            );
            assert!(!made.unwrap()[0].is_reached, "{}", named.name);
        }
    }
}
