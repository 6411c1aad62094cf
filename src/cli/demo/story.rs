//! What a demonstration is about: a classifier of the project, pictures for it, and a mistake that somebody wants.

/// The demonstrations.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum About {
    // A stop sign that is to be read as a speed limit.
    Signs,
    // A knife that is to be taken for an umbrella.
    Luggage,
}

/// One of them.
pub struct Story {
    /// The synthetic set that it is drawn from.
    pub set: &'static str,
    /// A gateway that guards the classifier, and it alone.
    pub config: &'static str,
    /// Pictures that nothing was trained or calibrated on: benign ones, and those that attacks begin with.
    pub benign: &'static str,
    pub seeds: &'static str,
    /// What everything is to be read as.
    pub target: &'static str,
    /// Over the contact sheet.
    pub title: &'static str,
}

impl About {
    pub fn story(self) -> &'static Story {
        match self {
            Self::Signs => &Story {
                set: "signs",
                config: "deploy/examples/signs.toml",
                benign: "signs:4:400",
                seeds: "signs:5:100",
                target: "speed-limit-100",
                title: "Traffic signs that fool the classifier, and what the gateway does about them",
            },
            Self::Luggage => &Story {
                set: "luggage",
                config: "deploy/examples/luggage.toml",
                benign: "luggage:4:140",
                seeds: "luggage:5:42",
                target: "umbrella",
                title: "Bags that fool the classifier of a scanner, and what the gateway does about them",
            },
        }
    }
}
