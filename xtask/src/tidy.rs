//! `tidy`: the rules of the house that a machine can check, with exception lists that only shrink.

mod exceptions;
mod functions;
mod layers;
mod sources;

use std::path::Path;

use exceptions::Exceptions;

/// A file of more lines is refused (style, rule 1).
const FILE_LINES_MAX: usize = 1_200;
/// A function of more lines is refused (style, rule 2).
const FUNCTION_LINES_MAX: usize = 70;

/// Checks the layer arrows, `//!` heads, and the sizes of files and functions.
///
/// # Errors
/// Every finding, a line each.
pub fn tidy(root: &Path) -> Result<(), String> {
    let mut findings = layers::check(root)?;
    let mut files = Exceptions::read(&root.join("xtask/tidy/file-lines.txt"))?;
    let mut functions = Exceptions::read(&root.join("xtask/tidy/function-lines.txt"))?;
    for source in sources::rust_sources(root)? {
        if !source.text.starts_with("//! ") {
            findings.push(format!("{}: its first line is no `//!` that says why", source.path));
        }
        let lines = source.text.lines().count();
        findings.extend(files.judge(&source.path, lines, FILE_LINES_MAX, "lines in the file"));
        for function in functions::functions(&source.text) {
            let place = format!("{}::{}", source.path, function.name);
            findings.extend(functions.judge(
                &place,
                function.lines,
                FUNCTION_LINES_MAX,
                "lines in the function",
            ));
        }
    }
    findings.extend(files.stale());
    findings.extend(functions.stale());
    if findings.is_empty() {
        return Ok(());
    }
    findings.sort();
    Err(format!("tidy:\n  {}", findings.join("\n  ")))
}
