//! Configuration: TOML, environment and flags, checked as a whole.
