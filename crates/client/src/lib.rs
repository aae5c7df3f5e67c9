//! Our own Kafka client (a crate because broker and client must not know each other).
