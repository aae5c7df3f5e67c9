//! The layer arrows: which crate may import which, and what a pure core may not list.

use std::collections::BTreeMap;
use std::path::Path;

/// Each crate of the house and those of the house that it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("record", &["types"]),
    ("wire", &["types"]),
    ("log", &["types", "record"]),
    ("raft", &["types"]),
    ("metadata", &["types", "wire"]),
    ("replica", &["types"]),
    ("coordinator", &["types", "record", "wire"]),
    ("broker", &["types", "record", "wire", "log", "raft", "metadata", "replica", "coordinator"]),
    ("client", &["types", "record", "wire"]),
    ("cli", &["types", "record", "wire", "log", "metadata", "broker", "client"]),
    ("sim", &[]),
    ("e2e", &["types", "record", "wire", "log", "metadata", "coordinator", "broker", "client"]),
];

/// Crates that take their time, chance and bytes as inputs.
const PURE: &[&str] = &["types", "record", "wire", "raft", "metadata", "replica", "coordinator"];

/// Crates that do I/O, keep time or make chance: never in a pure core.
const IMPURE: &[&str] =
    &["tokio", "rustix", "socket2", "axum", "rand", "getrandom", "tempfile", "mimalloc", "tracing"];

/// Every edge that points up, and every I/O crate in a pure core.
pub fn check(root: &Path) -> Result<Vec<String>, String> {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut findings = Vec::new();
    for entry in super::sources::entries(&root.join("crates"))? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = entry.join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else { continue };
        let Some(may) = allowed.get(name.as_str()) else {
            findings.push(format!("crates/{name}: no layer in xtask/src/tidy/layers.rs"));
            continue;
        };
        for dependency in dependencies(&text) {
            if allowed.contains_key(dependency.as_str()) && !may.contains(&dependency.as_str()) {
                findings.push(format!("crates/{name}: imports {dependency}: the arrow points up"));
            }
            if PURE.contains(&name.as_str()) && IMPURE.contains(&dependency.as_str()) {
                findings.push(format!("crates/{name}: a pure core lists {dependency}"));
            }
        }
    }
    Ok(findings)
}

/// The names under `[dependencies]` (tests and build scripts may import what they like).
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let end = line.find(['.', '=', ' ']).unwrap_or(line.len());
            names.push(line[..end].to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_dependencies_count() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nwire.workspace = true\n\
            tokio = { version = \"1\" }\n[dev-dependencies]\ntempfile.workspace = true\n";
        assert_eq!(dependencies(manifest), ["wire", "tokio"]);
    }
}
