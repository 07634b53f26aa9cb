//! A mistake in a table of a tenant.

/// A text by which the faulty line of `deed.toml` is found, and what is wrong with that line.
pub(super) type Wrong = (&'static str, String);
