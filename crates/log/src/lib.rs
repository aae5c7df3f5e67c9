//! One partition's log on disk (a crate because of a stricter law: synchronous, over a small Disk).
