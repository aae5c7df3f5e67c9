//! Where data goes if nothing says where.

use std::env;

/// The directory that was asked for, else `$KLAMM_DATA`, else the user's own data directory.
pub fn choose(asked: Option<&str>) -> Result<String, String> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let own = || set("XDG_DATA_HOME").map(|folder| format!("{folder}/klamm"));
    let home = || set("HOME").map(|folder| format!("{folder}/.local/share/klamm"));
    asked
        .map(str::to_owned)
        .or_else(|| set("KLAMM_DATA"))
        .or_else(own)
        .or_else(home)
        .ok_or_else(|| "no directory for data: set KLAMM_DATA or give --data-dir".to_owned())
}
