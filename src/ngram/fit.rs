//! The weights of the rows, learnt from a teacher's answers.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Ngrams;

/// A message and what it should be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The message.
    pub text: String,
    /// A probability a class, as a teacher answers.
    pub target: Vec<f64>,
}

/// How a student is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The most rows of characters that it looks at.
    pub rows: usize,
    /// How often it sees each message.
    pub epochs: usize,
    /// Size of the first steps.
    pub rate: f64,
    /// How strongly weights are drawn to zero with each message that has their row: a penalty of half of it times their
    /// square, beside the cross entropy (L2 regularisation). Without it, a student is as sure of what is fresh as of what
    /// it has learnt by heart.
    pub decay: f64,
    /// Seed of the order of the messages.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { rows: 8_192, epochs: 30, rate: 0.1, decay: 0.002, seed: 0 }
    }
}

/// Why a student can't be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// There are too few messages.
    #[error("{0} messages are too few to learn from; give {fewest} or more", fewest = Student::FEWEST)]
    TooFew(usize),
    /// The answers are of different numbers of classes, or of less than two.
    #[error("the answers to learn from have {0} and {1} classes; all must have the same, two or more")]
    Classes(usize, usize),
    /// The file can't be written.
    #[error(transparent)]
    Graph(#[from] crate::onnx::GraphError),
}

/// A fitted student.
#[derive(Debug, Clone, PartialEq)]
pub struct Student {
    pub(super) ngrams: Ngrams,
    pub(super) classes: usize,
    /// One a row of characters and class, the classes side by side.
    pub(super) weights: Vec<f32>,
    /// One a class.
    pub(super) bias: Vec<f32>,
}

impl Student {
    /// The fewest messages that can be learnt from.
    pub const FEWEST: usize = 20;

    /// A probability a class, those of [`Example::target`].
    pub fn predict(&self, text: &str) -> Vec<f64> {
        self.probabilities(&self.ngrams.places_in(text))
    }

    fn probabilities(&self, places: &[usize]) -> Vec<f64> {
        let share = share(places);
        let logit = |class: usize| {
            let sum: f64 = places.iter().map(|place| f64::from(self.weights[place * self.classes + class])).sum();
            f64::from(self.bias[class]) + share * sum
        };
        let logits: Vec<f64> = (0..self.classes).map(logit).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    }
}

/// What each row counts for, that the rows of a message have length 1 together.
fn share(places: &[usize]) -> f64 {
    1.0 / (places.len().max(1) as f64).sqrt()
}

/// Learns to answer as the examples are: cross entropy and decay of weights, by stochastic gradients with Adagrad's steps
/// (Duchi et al. 2011).
///
/// # Errors
/// When there are too few examples, or their classes are not the same.
pub fn fit(examples: &[Example], plan: &Plan) -> Result<Student, FitError> {
    let classes = examples.first().map_or(0, |example| example.target.len());
    if examples.len() < Student::FEWEST {
        return Err(FitError::TooFew(examples.len()));
    }
    let other = examples.iter().map(|example| example.target.len()).find(|&other| other != classes || other < 2);
    if let Some(other) = other {
        return Err(FitError::Classes(classes, other));
    }
    let ngrams = Ngrams::select(examples, plan.rows);
    let weights = vec![0.0; ngrams.count() * classes];
    let mut student = Student { ngrams, classes, weights, bias: vec![0.0; classes] };
    let places: Vec<Vec<usize>> = examples.iter().map(|example| student.ngrams.places_in(&example.text)).collect();
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut steps = Steps::new(&student, plan);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for _ in 0..plan.epochs {
        for last in (1..order.len()).rev() {
            order.swap(last, random.random_range(0..=last));
        }
        for &index in &order {
            steps.step(&mut student, &places[index], &examples[index].target);
        }
    }
    Ok(student)
}

/// Steps that become smaller for a weight with the slopes that it has seen.
struct Steps {
    rate: f64,
    decay: f64,
    weights: Vec<f64>,
    bias: Vec<f64>,
}

impl Steps {
    fn new(student: &Student, plan: &Plan) -> Self {
        let Plan { rate, decay, .. } = *plan;
        Self { rate, decay, weights: vec![1e-8; student.weights.len()], bias: vec![1e-8; student.bias.len()] }
    }

    fn step(&mut self, student: &mut Student, places: &[usize], target: &[f64]) {
        let share = share(places);
        let slopes =
            student.probabilities(places).into_iter().zip(target).map(|(probability, target)| probability - target);
        for (class, slope) in slopes.enumerate() {
            let rate = self.rate;
            let towards = |weight: &mut f32, squares: &mut f64, slope: f64| {
                *squares += slope * slope;
                *weight -= (rate * slope / squares.sqrt()) as f32;
            };
            towards(&mut student.bias[class], &mut self.bias[class], slope);
            for place in places {
                let at = place * student.classes + class;
                let weight = &mut student.weights[at];
                let slope = share * slope + self.decay * f64::from(*weight);
                towards(weight, &mut self.weights[at], slope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Example> {
        let one = |index: usize, word: &str, spam: f64| Example {
            text: format!("{word} number {index} of many"),
            target: vec![1.0 - spam, spam],
        };
        (0..20).flat_map(|index| [one(index, "prize", 0.9), one(index, "home", 0.2)]).collect()
    }

    #[test]
    fn a_student_answers_as_its_teacher_did_also_for_misspelt_words() {
        let student = fit(&examples(), &Plan::default()).unwrap();
        let spam = |text: &str| student.predict(text)[1];
        assert!((spam("prize number 77 of many") - 0.9).abs() < 0.05, "{}", spam("prize number 77 of many"));
        assert!((spam("home number 77 of many") - 0.2).abs() < 0.05);
        assert!(spam("prze number 77 of many") > 0.7 && spam("prizze number 77 of many") > 0.7);
        assert!(spam("").is_finite());
    }

    #[test]
    fn decay_keeps_a_student_from_being_surer_than_need_be() {
        let size = |decay| {
            let student = fit(&examples(), &Plan { decay, ..Plan::default() }).unwrap();
            student.weights.iter().map(|weight| weight * weight).sum::<f32>()
        };
        assert!(size(0.1) < 0.5 * size(0.0), "{} {}", size(0.1), size(0.0));
    }

    #[test]
    fn a_seed_makes_the_same_student() {
        let plan = |seed| Plan { seed, ..Plan::default() };
        assert_eq!(fit(&examples(), &plan(1)).unwrap(), fit(&examples(), &plan(1)).unwrap());
        assert_ne!(fit(&examples(), &plan(1)).unwrap(), fit(&examples(), &plan(2)).unwrap());
    }

    #[test]
    fn too_little_to_learn_from_is_named() {
        let few = fit(&examples()[..19], &Plan::default()).unwrap_err().to_string();
        assert_eq!(few, "19 messages are too few to learn from; give 20 or more");
        let mut mixed = examples();
        mixed[3].target.pop();
        assert_eq!(fit(&mixed, &Plan::default()).unwrap_err(), FitError::Classes(2, 1));
    }
}
