//! Where the suites keep what they fetch and make: below the target folder, never in the tree.

use std::fs::File;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Fetched jars, packages and built helpers, kept between runs: `target/e2e/NAME`.
///
/// # Panics
/// If the folder cannot be made.
#[must_use]
pub fn cache(name: &str) -> PathBuf {
    let folder = target().join("e2e").join(name);
    std::fs::create_dir_all(&folder).expect("make the cache folder");
    folder
}

/// Fills `cache(name)` once, whichever of several test processes comes first; the others wait.
/// `key` names what is in it: another key fills it again.
///
/// # Panics
/// If filling fails.
pub fn filled(name: &str, key: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let folder = cache(name);
    let lock = File::create(folder.with_extension("lock")).expect("make the lock file");
    lock.lock().expect("lock the cache folder");
    let mark = folder.join(".filled");
    if std::fs::read_to_string(&mark).is_ok_and(|filled| filled == key) {
        return folder;
    }
    std::fs::remove_dir_all(&folder).expect("empty the cache folder");
    std::fs::create_dir_all(&folder).expect("make the cache folder");
    fill(&folder);
    std::fs::write(&mark, key).expect("mark the cache folder as filled");
    folder
}

/// A folder for one test's data, removed with its handle unless `E2E_KEEP` is set.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn scratch() -> tempfile::TempDir {
    let keep = std::env::var_os("E2E_KEEP").is_some();
    let mut builder = tempfile::Builder::new();
    builder.prefix("klamm-e2e-").disable_cleanup(keep);
    builder.tempdir().expect("make a scratch folder")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The `klamm` binary under test: `KLAMM_BIN`, else the newest that cargo has built.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn klamm_binary() -> PathBuf {
    if let Some(named) = std::env::var_os("KLAMM_BIN") {
        return PathBuf::from(named);
    }
    let built = ["release", "debug"].map(|profile| target().join(profile).join("klamm"));
    let newest = built.into_iter().filter_map(|path| {
        let modified = path.metadata().and_then(|m| m.modified()).ok()?;
        Some((modified, path))
    });
    newest.max().expect("build it first: cargo build --release").1
}
