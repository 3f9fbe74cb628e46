//! The JSONPath dialect of client-go, as Tekton Triggers uses it.
