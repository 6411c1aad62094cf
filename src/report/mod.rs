//! Tables and plots.
