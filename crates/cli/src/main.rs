//! The one binary: server and every tool.
fn main() {}
