//! From evidence to a decision, from a decision to an action.

use serde::{Deserialize, Serialize};

use super::combination::Evidence;
use crate::config::{OnUndecided, Policy};

/// What Portcullis thinks of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing speaks against it at the chosen false-positive rate.
    Clean,
    /// It could not be examined.
    Undecided,
    /// It is suspected to be adversarial.
    Suspicious,
}

impl Decision {
    /// Its name in metrics, metadata and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Undecided => "undecided",
            Self::Suspicious => "suspicious",
        }
    }
}

/// Why an input could not be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The message is no inference request that can be read.
    Malformed,
    /// The guarded tensor is not among the inputs, or its contents are not in the message.
    InputMissing,
    /// What is to be examined, or what it is to be withheld, is in shared memory.
    SharedMemory,
    /// The guarded tensor has another shape than the model takes.
    Shape,
    /// The guarded tensor has another datatype than the model takes.
    Datatype,
    /// A pixel is NaN, infinite or outside its range.
    Values,
    /// An encoded picture is broken, or none that every decoder reads alike.
    Picture,
    /// A text is not UTF-8, or has a NUL.
    Text,
    /// The message, or an encoded picture or a text in it, is larger than may be inspected.
    TooLarge,
    /// The message is compressed in a way that can't be read.
    Compression,
    /// It came by a stream over HTTP, which is not examined.
    Streaming,
    /// Too many examinations are under way.
    Overload,
    /// The time budget ran out.
    Timeout,
    /// The classifier answered with an error.
    UpstreamError,
    /// The classifier's answer holds no usable prediction.
    Prediction,
    /// A model failed on the input.
    Model,
    /// The client went away, or its deadline passed.
    Cancelled,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Malformed,
        Self::InputMissing,
        Self::SharedMemory,
        Self::Shape,
        Self::Datatype,
        Self::Values,
        Self::Picture,
        Self::Text,
        Self::TooLarge,
        Self::Compression,
        Self::Streaming,
        Self::Overload,
        Self::Timeout,
        Self::UpstreamError,
        Self::Prediction,
        Self::Model,
        Self::Cancelled,
    ];

    /// Its name in metrics and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::InputMissing => "input_missing",
            Self::SharedMemory => "shared_memory",
            Self::Shape => "shape",
            Self::Datatype => "datatype",
            Self::Values => "values",
            Self::Picture => "picture",
            Self::Text => "text",
            Self::TooLarge => "too_large",
            Self::Compression => "compression",
            Self::Streaming => "streaming",
            Self::Overload => "overload",
            Self::Timeout => "timeout",
            Self::UpstreamError => "upstream_error",
            Self::Prediction => "prediction",
            Self::Model => "model",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the client's own message is what cannot be examined. An attacker could bring that about at will, so
    /// that it must never be a way past the policy `block`.
    pub fn is_clients_fault(self) -> bool {
        matches!(
            self,
            Self::Malformed
                | Self::InputMissing
                | Self::SharedMemory
                | Self::Shape
                | Self::Datatype
                | Self::Values
                | Self::Picture
                | Self::Text
                | Self::TooLarge
                | Self::Compression
                | Self::Streaming
        )
    }
}

/// The outcome of the examination of one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// The class that the teacher predicts.
    pub class: usize,
    /// The combined score.
    pub score: f64,
    /// The cut that the combined score was held against.
    pub threshold: f64,
    /// The combined score's conformal p-value.
    pub p_value: f64,
    /// What each detector says.
    pub evidence: Vec<Evidence>,
}

/// The decision on a request: the worst of its items' (suspicious, then undecided, then clean).
pub fn worst(decisions: impl IntoIterator<Item = Decision>) -> Decision {
    decisions.into_iter().max().unwrap_or(Decision::Undecided)
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The answer crosses untouched.
    Pass,
    /// The answer carries the decision.
    Annotate,
    /// The answer is withheld.
    Block,
    /// The answer holds another prediction than the classifier's.
    Restore,
}

impl Action {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Annotate => "annotate",
            Self::Block => "block",
            Self::Restore => "restore",
        }
    }
}

/// What the policy makes of a decision; `reason` says why an undecided one is so. The policy `block` refuses what is
/// suspicious, what the client made unreadable, and, where the operator chose so, all else that could not be examined;
/// `restore` differs from it in what is suspicious.
pub fn act(policy: Policy, on_undecided: OnUndecided, decision: Decision, reason: Option<Reason>) -> Action {
    match (policy, decision) {
        (Policy::Monitor, _) => Action::Pass,
        (Policy::Annotate, _) => Action::Annotate,
        (Policy::Block, Decision::Suspicious) => Action::Block,
        (Policy::Restore, Decision::Suspicious) => Action::Restore,
        (Policy::Block | Policy::Restore, Decision::Clean) => Action::Pass,
        (Policy::Block | Policy::Restore, Decision::Undecided) => {
            let unreadable = reason.is_some_and(Reason::is_clients_fault);
            if unreadable || on_undecided == OnUndecided::Block { Action::Block } else { Action::Pass }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_suspicious_item_makes_the_request_suspicious() {
        use Decision::{Clean, Suspicious, Undecided};
        assert_eq!(worst([Clean, Suspicious, Undecided]), Suspicious);
        assert_eq!(worst([Clean, Undecided]), Undecided);
        assert_eq!(worst([Clean]), Clean);
        assert_eq!(worst([]), Undecided);
    }

    #[test]
    fn only_block_withholds_what_is_suspicious_and_only_restore_answers_otherwise() {
        use Decision::{Clean, Suspicious, Undecided};
        let undecided = Some(Reason::Timeout);
        assert_eq!(act(Policy::Monitor, OnUndecided::Block, Suspicious, None), Action::Pass);
        assert_eq!(act(Policy::Annotate, OnUndecided::Block, Suspicious, None), Action::Annotate);
        assert_eq!(act(Policy::Block, OnUndecided::Pass, Suspicious, None), Action::Block);
        assert_eq!(act(Policy::Block, OnUndecided::Pass, Undecided, undecided), Action::Pass);
        assert_eq!(act(Policy::Block, OnUndecided::Block, Undecided, undecided), Action::Block);
        assert_eq!(act(Policy::Block, OnUndecided::Block, Clean, None), Action::Pass);
        assert_eq!(act(Policy::Restore, OnUndecided::Block, Suspicious, None), Action::Restore);
        assert_eq!(act(Policy::Restore, OnUndecided::Pass, Undecided, undecided), Action::Pass);
        assert_eq!(act(Policy::Restore, OnUndecided::Block, Undecided, undecided), Action::Block);
    }

    #[test]
    fn what_a_client_makes_unreadable_is_no_way_past() {
        for reason in Reason::ALL.into_iter().filter(|reason| reason.is_clients_fault()) {
            for policy in [Policy::Block, Policy::Restore] {
                assert_eq!(act(policy, OnUndecided::Pass, Decision::Undecided, Some(reason)), Action::Block);
            }
            assert_eq!(act(Policy::Monitor, OnUndecided::Block, Decision::Undecided, Some(reason)), Action::Pass);
        }
    }
}
