//! Readers for benign and adversarial data.
