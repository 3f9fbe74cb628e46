//! Resource templates, rendered with parameters.
