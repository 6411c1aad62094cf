//! The suite `text`: every attack on text with its bounds.

use std::sync::Arc;

use super::{
    DeepWordBug, Homoglyphs, Leet, Lexicon, Padding, Place, Replacement, Spacing, TextAttack, TextBugger, ZeroWidth,
};

/// An attack with its name in reports.
pub struct NamedTextAttack {
    /// Its name.
    pub name: &'static str,
    /// The attack.
    pub attack: Box<dyn TextAttack>,
}

/// The share of words that attacks may change: so few that a person still reads the message.
const SHARE: f64 = 0.4;
/// The share of words that are replaced: so few that what is left makes sense.
const REPLACED: f64 = 0.2;
/// Words that are added for each word of the message.
const PADDING: f64 = 1.5;

/// All attacks on text, by what an attacker knows of words.
pub fn text_suite(lexicon: &Arc<Lexicon>, seed: u64) -> Vec<NamedTextAttack> {
    let share = SHARE;
    let padding = |place| Padding { lexicon: Arc::clone(lexicon), place, most: PADDING, seed };
    let named = |name, attack| NamedTextAttack { name, attack };
    vec![
        named("homoglyphs", Box::new(Homoglyphs { share, seed })),
        named("zero_width", Box::new(ZeroWidth { share, seed })),
        named("leet", Box::new(Leet { share, seed })),
        named("spacing", Box::new(Spacing { share, seed })),
        named("deep_word_bug", Box::new(DeepWordBug { share, seed })),
        named("text_bugger", Box::new(TextBugger { lexicon: Arc::clone(lexicon), share, seed })),
        named("replacement", Box::new(Replacement { lexicon: Arc::clone(lexicon), share: REPLACED, seed })),
        named("padding_before", Box::new(padding(Place::Before))),
        named("padding_after", Box::new(padding(Place::After))),
        named("padding_between", Box::new(padding(Place::Between))),
    ]
}
