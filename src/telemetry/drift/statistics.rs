//! Two classical tests: do two samples have one distribution, and are successes too many?

use statrs::function::beta::ln_beta;
use statrs::function::factorial::ln_binomial;

/// The Kolmogorov-Smirnov distance of two ascending samples, neither empty: the largest difference of their empirical
/// distribution functions, in [0, 1]. Ties, within a sample or between them, are a step of both.
pub(super) fn ks_distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut in_a, mut in_b, mut largest) = (0, 0, 0.0_f64);
    while let (Some(&next_a), Some(&next_b)) = (a.get(in_a), b.get(in_b)) {
        let step = next_a.min(next_b);
        in_a += a[in_a..].iter().take_while(|&&value| value <= step).count();
        in_b += b[in_b..].iter().take_while(|&&value| value <= step).count();
        largest = largest.max((in_a as f64 / a.len() as f64 - in_b as f64 / b.len() as f64).abs());
    }
    largest
}

/// How often two samples of `a` and `b` values from one continuous distribution lie at least `distance` apart: the
/// Kolmogorov distribution at the effective size ab / (a + b), which is asymptotic. Too high rather than too low where
/// there are ties (Noether 1963) or few values.
pub(super) fn ks_p_value(distance: f64, a: usize, b: usize) -> f64 {
    let (a, b) = (a as f64, b as f64);
    kolmogorov_survival(distance * (a * b / (a + b)).sqrt())
}

/// P(K > `x`) of the Kolmogorov distribution, for `x` >= 0.
fn kolmogorov_survival(x: f64) -> f64 {
    // Below, it differs from 1 by less than 1e-12, and the series takes more and more terms.
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| if k % 2 == 1 { 1.0 } else { -1.0 } * (-2.0 * f64::from(k * k) * x * x).exp();
    (2.0 * (1..=20).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// P(X >= `successes`) among `trials` whose probability of success is itself drawn from Beta(`alpha`, `beta`): the
/// upper tail of the beta-binomial distribution, exact but for rounding.
pub(super) fn beta_binomial_survival(successes: usize, trials: usize, alpha: f64, beta: f64) -> f64 {
    let probability = |k: usize| {
        let (won, lost) = (k as f64, (trials - k) as f64);
        (ln_binomial(trials as u64, k as u64) + ln_beta(won + alpha, lost + beta) - ln_beta(alpha, beta)).exp()
    };
    (successes..=trials).map(probability).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(mut values: Vec<f64>) -> Vec<f64> {
        values.sort_by(f64::total_cmp);
        values
    }

    #[track_caller]
    fn assert_close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() <= 1e-9 * expected.max(1e-6), "{actual}, expected {expected}");
    }

    #[test]
    fn distances_equal_scipys_also_with_ties() {
        // scipy.stats.ks_2samp(a, b).statistic
        let a = [0.1, 0.4, 0.4, 0.7, 1.2, 1.5, 2.0, 2.0, 2.0, 3.1];
        let b = [0.4, 0.5, 0.9, 2.0, 2.0, 2.5, 2.7, 3.1, 3.3, 4.0, 4.4, 5.0];
        assert_close(ks_distance(&a, &b), 0.48333333333333334);
        assert_eq!(ks_distance(&[1.0; 3], &[1.0; 4]), 0.0);
        assert_eq!(ks_distance(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        // scipy.special.kolmogorov(0.48333333333333334 * sqrt(10 * 12 / 22))
        assert_close(ks_p_value(0.48333333333333334, 10, 12), 0.1563253301167797);
    }

    #[test]
    fn the_kolmogorov_distribution_equals_scipys() {
        // scipy.special.kolmogorov(x)
        let published = [
            (0.0, 1.0),
            (0.3, 0.9999906941986655),
            (0.5, 0.9639452436648751),
            (1.0, 0.26999967167735456),
            (1.36, 0.049485876755377876),
            (2.0, 0.0006709252557796953),
            (3.0, 3.045995948942526e-08),
        ];
        published.into_iter().for_each(|(x, expected)| assert_close(kolmogorov_survival(x), expected));
    }

    #[test]
    fn the_beta_binomial_tail_is_exact() {
        // Under Beta(1, 1) every number of successes is equally likely.
        assert_close(beta_binomial_survival(30, 99, 1.0, 1.0), 0.7);
        // Summed from its definition in exact fractions.
        assert_close(beta_binomial_survival(20, 100, 2.0, 98.0), 4.4515967726697214e-06);
        assert_close(beta_binomial_survival(60, 1000, 20.0, 1982.0), 4.599612605143465e-15);
        assert_close(beta_binomial_survival(100, 1000, 10.0, 192.0), 0.006198129822732105);
        assert_close(beta_binomial_survival(5, 200, 3.0, 300.0), 0.0931793052468137);
        assert_close(beta_binomial_survival(0, 1000, 10.0, 990.0), 1.0);
    }

    proptest! {
        #[test]
        fn a_distance_is_a_distance(
            a in prop::collection::vec(0_u8..20, 1..60),
            b in prop::collection::vec(0_u8..20, 1..60),
        ) {
            let [a, b] = [a, b].map(|values| sorted(values.into_iter().map(f64::from).collect()));
            let distance = ks_distance(&a, &b);
            prop_assert!((0.0..=1.0).contains(&distance));
            prop_assert_eq!(distance, ks_distance(&b, &a));
            prop_assert_eq!(distance == 0.0, (0..20).all(|x| share(&a, x) == share(&b, x)));
            let slowly = (0..20).map(|x| (share(&a, x) - share(&b, x)).abs()).fold(0.0, f64::max);
            prop_assert_eq!(distance, slowly);
        }

        #[test]
        fn larger_statistics_have_smaller_p_values(
            distances in [0.0_f64..1.0, 0.0_f64..1.0],
            sizes in [1_usize..3000, 1_usize..3000],
            successes in [0_usize..=200, 0_usize..=200],
            (alpha, beta) in (0.1_f64..50.0, 0.1_f64..5000.0),
        ) {
            let p = distances.map(|distance| ks_p_value(distance, sizes[0], sizes[1]));
            prop_assert!(distances[0] <= distances[1] || p[0] <= p[1] + 1e-12);
            let p = successes.map(|successes| beta_binomial_survival(successes, 200, alpha, beta));
            prop_assert!(successes[0] <= successes[1] || p[0] <= p[1] + 1e-12);
        }
    }

    fn share(sample: &[f64], up_to: u8) -> f64 {
        sample.iter().filter(|&&value| value <= f64::from(up_to)).count() as f64 / sample.len() as f64
    }
}
