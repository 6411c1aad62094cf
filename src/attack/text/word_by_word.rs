//! Words changed one after the other, those first on which the answer depends most.

use super::session::Session;
use crate::attack::AttackError;
use crate::squeeze::text::words;

/// Words that may be changed: a share of them, and this many in any message.
const FEWEST_CHANGED: usize = 2;

/// Changes up to a share of the words of the message, each into what helps most of what `edits` proposes for it.
///
/// How much a word matters is how far the answer moves without it (leave one out: the replace-one score of Gao et al.
/// 2018, and Li et al. 2019).
pub(super) fn word_by_word(
    session: &mut Session,
    share: f64,
    mut edits: impl FnMut(&str) -> Vec<String>,
) -> Result<(), AttackError> {
    let seed = session.best().to_owned();
    let parts: Vec<_> = words(&seed).collect();
    // What is between the words, and the words: changed in place.
    let mut gaps = Vec::with_capacity(parts.len() + 1);
    let ends = parts.iter().map(|part| part.end);
    let starts = parts.iter().map(|part| part.start).chain([seed.len()]);
    gaps.extend(std::iter::once(0).chain(ends).zip(starts).map(|(end, start)| &seed[end..start]));
    let mut current: Vec<String> = parts.iter().map(|part| seed[part.clone()].to_owned()).collect();
    let with = |current: &[String], at: usize, word: &str| -> String {
        let words = current.iter().enumerate().map(|(index, own)| if index == at { word } else { own.as_str() });
        gaps.iter().copied().zip(words.chain([""])).flat_map(|(gap, word)| [gap, word]).collect()
    };

    let without: Vec<String> = (0..current.len()).map(|at| with(&current, at, "")).collect();
    let margins = session.margins(&without)?;
    let mut order: Vec<usize> = (0..margins.len()).collect();
    order.sort_by(|&one, &other| margins[other].total_cmp(&margins[one]));
    let most = FEWEST_CHANGED.max((share * current.len() as f64) as usize);
    let mut changed = 0;
    for at in order {
        if changed == most || session.is_over() {
            break;
        }
        let proposed = edits(&current[at]);
        let messages = proposed.iter().map(|word| with(&current, at, word)).collect();
        if let Some(taken) = session.offer(messages)? {
            current[at].clone_from(&proposed[taken]);
            changed += 1;
        }
    }
    Ok(())
}
