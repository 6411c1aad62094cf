//! Adaptive moment estimation (Kingma, Ba 2015), which the attacks descend with that weigh distance against success.

const DECAYS: [f32; 2] = [0.9, 0.999];
const TINY: f32 = 1e-8;

/// The moments of one seed's gradient.
pub(super) struct Adam {
    rate: f32,
    steps: i32,
    means: Vec<f32>,
    squares: Vec<f32>,
}

impl Adam {
    /// For `count` variables.
    pub fn new(rate: f32, count: usize) -> Self {
        Self { rate, steps: 0, means: vec![0.0; count], squares: vec![0.0; count] }
    }

    /// Moves the variables against their gradient.
    pub fn descend(&mut self, variables: &mut [f32], gradient: &[f32]) {
        self.steps += 1;
        let [first, second] = DECAYS;
        let unbiased = [first, second].map(|decay| 1.0 - decay.powi(self.steps));
        let moments = self.means.iter_mut().zip(&mut self.squares);
        for ((variable, slope), (mean, square)) in variables.iter_mut().zip(gradient).zip(moments) {
            *mean = first * *mean + (1.0 - first) * slope;
            *square = second * *square + (1.0 - second) * slope * slope;
            *variable -= self.rate * (*mean / unbiased[0]) / ((*square / unbiased[1]).sqrt() + TINY);
        }
    }
}
