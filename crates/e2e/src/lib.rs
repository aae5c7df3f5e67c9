//! Real processes against real third-party clients; the tests are in tests/ (a crate because it needs everything).
