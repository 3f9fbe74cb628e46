//! Parameters: bindings resolved against an event.
