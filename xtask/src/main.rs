//! The house's own commands: check, test, tidy, bench.
fn main() {}
