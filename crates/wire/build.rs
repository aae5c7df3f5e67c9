//! Generates the messages of `spec/` into `OUT_DIR`.

#[path = "build/check.rs"]
mod check;
#[path = "build/emit/mod.rs"]
mod emit;
#[path = "build/parse.rs"]
mod parse;
#[path = "build/schema.rs"]
mod schema;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=spec");
    println!("cargo::rerun-if-changed=build");
    let root = Path::new("spec");
    let mut paths = Vec::new();
    collect(root, &mut paths)?;
    paths.sort();
    let mut specs = Vec::new();
    for path in paths {
        let family = path.strip_prefix(root)?.parent().unwrap_or(root);
        let family = family.to_string_lossy().replace('\\', "/");
        let spec = parse::parse(&family, &fs::read_to_string(&path)?);
        specs.push(spec.map_err(|why| format!("{}: {why}", path.display()))?);
    }
    check::check(&specs)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for file in emit::emit(&specs) {
        fs::write(out.join(file.name), file.text)?;
    }
    Ok(())
}

/// All `.kl` files below `folder`.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "kl") {
            paths.push(path);
        }
    }
    Ok(())
}
