//! Kafka's messages and persisted records (a crate because its code is generated at build time).
