//! Disagreement of a distilled student with its teacher.

use super::{Detector, FLOOR, Observation, ObservationGradient, by_logits};
use crate::config::Measure;
use crate::model::Distribution;

/// How far a student's prediction lies from its teacher's, both at a temperature.
///
/// Where attacks lead away from one class, as from spam, it can be told that this class is what they hide. Then a student that
/// finds it no more probable than its teacher does not disagree. Only surprise asks for less: it is at the answer that it is
/// not this class, which a teacher gives however unsure. Attacks stop where the teacher begins to doubt, and a student that
/// doubts nearly as much is already unlike one that sees benign input.
pub struct Disagreement {
    name: String,
    student: usize,
    student_name: String,
    measure: Measure,
    temperature: f64,
    hidden: Option<usize>,
}

impl Disagreement {
    /// A detector over the student at position `student` among the observation's companions; `temperature` > 0 flattens
    /// (above 1) or sharpens (below 1) both predictions before they are compared.
    pub fn new(
        name: impl Into<String>,
        (student, student_name): (usize, String),
        measure: Measure,
        temperature: f64,
    ) -> Self {
        Self { name: name.into(), student, student_name, measure, temperature, hidden: None }
    }

    /// The same, of the class that attacks hide, if it is one.
    #[must_use]
    pub fn of_hidden(self, hidden: Option<usize>) -> Self {
        Self { hidden, ..self }
    }

    /// Whether a difference counts.
    fn counts(&self, teacher: &Distribution, student: &Distribution) -> bool {
        self.hidden.is_none_or(|class| match self.measure {
            Measure::Surprise => teacher.top().0 != class,
            Measure::Kl | Measure::JensenShannon => student.probabilities()[class] > teacher.probabilities()[class],
        })
    }

    /// Tells of a class whether it is among what the teacher answers: its first class, or whatever is not hidden.
    fn answered(&self, teacher: &Distribution) -> impl Fn(usize) -> bool + use<> {
        let (hidden, first) = (self.hidden, teacher.top().0);
        move |class| hidden.map_or(class == first, |hidden| class != hidden)
    }

    /// How probable the student finds what the teacher answers.
    fn agreement(&self, teacher: &Distribution, student: &Distribution) -> f64 {
        let is_answered = self.answered(teacher);
        (0..).zip(student.probabilities()).filter(|&(class, _)| is_answered(class)).map(|(_, q)| q).sum()
    }

    /// The student's surprise at what the teacher answers, in nats. No surprise is 0, not -0.
    fn surprise(&self, teacher: &Distribution, student: &Distribution) -> f64 {
        0.0 - self.agreement(teacher, student).clamp(FLOOR, 1.0).ln()
    }
}

impl Detector for Disagreement {
    fn name(&self) -> &str {
        &self.name
    }

    fn definition(&self) -> String {
        let Self { student_name, measure, temperature, .. } = self;
        let hidden = match (self.hidden, self.measure) {
            (None, _) => String::new(),
            (Some(class), Measure::Surprise) => format!("at no hidden {class} "),
            (Some(class), _) => format!("of hidden {class} "),
        };
        format!("disagreement {hidden}{student_name} {} temperature {temperature}", measure.name())
    }

    fn score(&self, observation: &Observation) -> f64 {
        let teacher = observation.original.at_temperature(self.temperature);
        let student = observation.companions[self.student].at_temperature(self.temperature);
        match self.measure {
            _ if !self.counts(&teacher, &student) => 0.0,
            Measure::Kl => kl_divergence(&teacher, &student),
            Measure::JensenShannon => jensen_shannon(&teacher, &student),
            Measure::Surprise => self.surprise(&teacher, &student),
        }
    }

    fn gradient(&self, observation: &Observation) -> ObservationGradient {
        let teacher = observation.original.at_temperature(self.temperature);
        let student = observation.companions[self.student].at_temperature(self.temperature);
        let mut gradient = ObservationGradient::none(observation);
        if !self.counts(&teacher, &student) {
            return gradient;
        }
        let (p, q) = (teacher.probabilities(), student.probabilities());
        let log_ratio = |a: &[f64], b: &[f64]| -> Vec<f64> {
            a.iter().zip(b).map(|(a, b)| (a.max(FLOOR) / b.max(FLOOR)).ln()).collect()
        };
        let middle = || -> Vec<f64> { p.iter().zip(q).map(|(p, q)| (p + q) / 2.0).collect() };
        let halved = |gradient: Vec<f64>| gradient.into_iter().map(|slope| slope / 2.0).collect::<Vec<_>>();
        let (by_teacher, by_student) = match self.measure {
            Measure::Kl => (by_logits(p, &log_ratio(p, q)), q.iter().zip(p).map(|(q, p)| q - p).collect::<Vec<_>>()),
            Measure::JensenShannon => {
                (by_logits(p, &halved(log_ratio(p, &middle()))), by_logits(q, &halved(log_ratio(q, &middle()))))
            }
            Measure::Surprise => {
                // Not cut off below: an attacker of a student that is as sure as can be is still told the way.
                let agreement = self.agreement(&teacher, &student).max(f64::MIN_POSITIVE);
                let is_answered = self.answered(&teacher);
                let share = |class, q: f64| if is_answered(class) { q / agreement } else { 0.0 };
                (vec![0.0; p.len()], (0..).zip(q).map(|(class, &q)| q - share(class, q)).collect())
            }
        };
        let at_temperature = |gradient: Vec<f64>| gradient.into_iter().map(|slope| slope / self.temperature).collect();
        gradient.original = at_temperature(by_teacher);
        gradient.companions[self.student] = Some(at_temperature(by_student));
        gradient
    }
}

/// KL(teacher || student) in nats; at least 0.
fn kl_divergence(teacher: &Distribution, student: &Distribution) -> f64 {
    kl(teacher.probabilities().iter().copied().zip(student.probabilities().iter().copied()))
}

fn kl(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    pairs.filter(|&(p, _)| p > 0.0).map(|(p, q)| p * (p / q.max(FLOOR)).ln()).sum::<f64>().max(0.0)
}

/// Jensen-Shannon divergence in nats; between 0 and ln 2, symmetric.
fn jensen_shannon(a: &Distribution, b: &Distribution) -> f64 {
    let pairs = || a.probabilities().iter().copied().zip(b.probabilities().iter().copied());
    let to_middle = kl(pairs().map(|(p, q)| (p, (p + q) / 2.0)));
    let from_middle = kl(pairs().map(|(p, q)| (q, (p + q) / 2.0)));
    ((to_middle + from_middle) / 2.0).min(std::f64::consts::LN_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_distribution() -> impl Strategy<Value = Distribution> {
        prop::collection::vec(-30.0_f32..30.0, 5).prop_map(|logits| Distribution::from_logits(&logits).unwrap())
    }

    fn by_surprise(hidden: Option<usize>) -> Disagreement {
        Disagreement::new("student", (0, "s".to_owned()), Measure::Surprise, 1.0).of_hidden(hidden)
    }

    proptest! {
        #[test]
        fn divergences_are_finite_and_zero_only_for_equals(a in any_distribution(), b in any_distribution()) {
            for value in [kl_divergence(&a, &b), jensen_shannon(&a, &b), by_surprise(None).surprise(&a, &b)] {
                prop_assert!(value.is_finite() && value >= 0.0);
            }
            prop_assert!(kl_divergence(&a, &a) < 1e-9);
            prop_assert!((jensen_shannon(&a, &b) - jensen_shannon(&b, &a)).abs() < 1e-12);
            prop_assert!(jensen_shannon(&a, &b) <= std::f64::consts::LN_2);
        }
    }

    #[test]
    fn of_a_hidden_class_only_a_student_that_sees_it_disagrees() {
        let of = |teacher: &[f32], student: &[f32]| Observation {
            original: Distribution::from_probabilities(teacher).unwrap(),
            squeezed: vec![],
            companions: vec![Distribution::from_probabilities(student).unwrap()],
        };
        for measure in [Measure::Kl, Measure::JensenShannon, Measure::Surprise] {
            let any = || Disagreement::new("student", (0, "s".to_owned()), measure, 1.0);
            let spam = any().of_hidden(Some(1));
            let (sees, misses) = (of(&[0.9, 0.1], &[0.2, 0.8]), of(&[0.1, 0.9], &[0.8, 0.2]));
            assert_eq!(spam.score(&sees), any().score(&sees));
            assert_eq!((spam.score(&misses), any().score(&misses) > 0.0), (0.0, true));
            let told = if measure == Measure::Surprise { "at no hidden 1" } else { "of hidden 1" };
            assert!(spam.definition().contains(told));
        }
    }

    #[test]
    fn a_student_is_surprised_at_an_unsure_teacher_too() {
        let seen = Observation {
            original: Distribution::from_probabilities(&[0.5, 0.1, 0.4]).unwrap(),
            squeezed: vec![],
            companions: vec![Distribution::from_probabilities(&[0.5, 0.2, 0.3]).unwrap()],
        };
        let surprise = |class| by_surprise(class).score(&seen);
        assert!((surprise(Some(2)) + 0.7_f64.ln()).abs() < 1e-6, "at the answer that it is not class 2");
        assert!((surprise(None) + 0.5_f64.ln()).abs() < 1e-6, "at the answer that it is class 0");
        assert_eq!(surprise(Some(0)), 0.0, "the teacher found what is hidden");
    }

    #[test]
    fn no_surprise_is_a_plain_zero() {
        let sure = Distribution::from_probabilities(&[1.0, 0.0]).unwrap();
        for hidden in [None, Some(1)] {
            assert!(by_surprise(hidden).surprise(&sure, &sure).is_sign_positive());
        }
    }

    #[test]
    fn measures_agree_with_hand_computed_values() {
        let p = Distribution::from_probabilities(&[0.5, 0.5]).unwrap();
        let q = Distribution::from_probabilities(&[0.25, 0.75]).unwrap();
        assert!((kl_divergence(&p, &q) - 0.143_841_036).abs() < 1e-8);
        assert!((jensen_shannon(&p, &q) - 0.033_822_075).abs() < 1e-8);
        assert!((by_surprise(None).surprise(&q, &p) - std::f64::consts::LN_2).abs() < 1e-12);
    }
}
