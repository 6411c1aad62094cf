//! The picture that reaches the goal and is suspected least.

use crate::tensor::Picture;

/// Such a picture as far as one was found.
#[derive(Debug, Clone)]
pub(super) struct Quietest {
    reaches: bool,
    score: f64,
    picture: Picture,
}

impl Quietest {
    /// Begins with a picture that anything is better than.
    pub fn new(picture: Picture) -> Self {
        Self { reaches: false, score: f64::INFINITY, picture }
    }

    /// Keeps the picture if it reaches the goal where the one before did not, or as well and with a smaller score.
    pub fn offer(&mut self, picture: &Picture, reaches: bool, score: f64) {
        if (reaches, -score) > (self.reaches, -self.score) {
            *self = Self { reaches, score, picture: picture.clone() };
        }
    }

    pub fn into_picture(self) -> Picture {
        self.picture
    }
}
