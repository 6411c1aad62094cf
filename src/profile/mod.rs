//! The profile: what calibration learnt from benign inputs.
