//! The broker's shell: connections, dispatch, one file an API (a crate because of the runtime that it walls in).
