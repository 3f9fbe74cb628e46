//! CEL with the functions of Tekton Triggers.
