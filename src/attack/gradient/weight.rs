//! The weight of success against distance, found by trial (Carlini, Wagner 2017).

/// What the weight grows by where there was no success yet.
const GROWTH: f32 = 10.0;

/// Larger where it failed, and halfway to what failed last where it did not.
#[derive(Debug, Clone, Copy)]
pub(in crate::attack) struct Weight {
    pub value: f32,
    failed: f32,
    succeeded: Option<f32>,
}

impl Weight {
    pub fn new(value: f32) -> Self {
        Self { value, failed: 0.0, succeeded: None }
    }

    pub fn adjust(&mut self, success: bool) {
        if success {
            self.succeeded = Some(self.value);
        } else {
            self.failed = self.value;
        }
        self.value = self.succeeded.map_or(self.value * GROWTH, |upper| (self.failed + upper) / 2.0);
    }
}
