//! Disjoint parts of a data set, the same for the same seed everywhere.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::DataError;

/// Shuffles the indices `0..len` with `seed` and deals them out: `parts[0]` to the first part, `parts[1]` to the
/// second, and so on. What is left belongs to no part.
///
/// # Errors
/// When the parts need more than `len` together.
pub fn split(len: usize, seed: u64, parts: &[usize]) -> Result<Vec<Vec<usize>>, DataError> {
    let needed = parts.iter().fold(0_usize, |sum, &part| sum.saturating_add(part));
    if needed > len {
        return Err(DataError::TooFew { needed, len });
    }
    let mut indices = shuffled(len, seed).into_iter();
    Ok(parts.iter().map(|&part| indices.by_ref().take(part).collect()).collect())
}

/// Fisher and Yates' shuffle, written out so that no version of a library changes which picture lands where.
fn shuffled(len: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut indices: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        let below = last as u128 + 1;
        let chosen = (u128::from(random.next_u64()) * below) >> 64;
        indices.swap(last, chosen as usize);
    }
    indices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_parts_for_ever() {
        assert_eq!(split(8, 7, &[3, 2]).unwrap(), [vec![5, 0, 6], vec![2, 3]]);
        assert_ne!(split(100, 1, &[50]).unwrap(), split(100, 2, &[50]).unwrap());
    }

    #[test]
    fn too_large_parts_are_refused() {
        assert!(matches!(split(3, 0, &[2, 2]), Err(DataError::TooFew { needed: 4, len: 3 })));
        assert!(split(3, 0, &[usize::MAX, 2]).is_err());
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_as_large_as_asked(len in 0_usize..200, seed: u64, share in 0.0_f64..1.0) {
            let first = (len as f64 * share) as usize;
            let parts = split(len, seed, &[first, len - first]).unwrap();
            prop_assert_eq!(parts[0].len(), first);
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..len).collect::<Vec<_>>());
        }
    }
}
