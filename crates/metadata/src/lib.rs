//! Cluster state as a pure core (a crate because of a stricter law: no I/O, no clock).
