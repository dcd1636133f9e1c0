//! Metrics and the pass or fail verdict.
