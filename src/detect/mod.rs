//! Detectors: from predictions to one calibrated decision.
