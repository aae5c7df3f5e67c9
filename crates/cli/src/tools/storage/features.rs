//! Levels of features that `kafka-storage format` is asked for.

use std::collections::BTreeMap;

use clap::ArgMatches;

/// `--feature NAME=LEVEL`, as often as given.
pub fn chosen(args: &ArgMatches) -> Result<BTreeMap<String, i16>, String> {
    let mut chosen = BTreeMap::new();
    for text in args.get_many::<String>("feature").into_iter().flatten() {
        let refusal = |why: &str| format!("Can't parse feature=level string {text}: {why}.");
        let (name, level) = text.split_once('=').ok_or_else(|| refusal("equals sign not found"))?;
        let level = level.trim();
        let number =
            level.parse().map_err(|_| refusal(&format!("unable to parse {level} as a short")))?;
        if chosen.insert(name.trim().to_owned(), number).is_some() {
            return Err(format!("Feature {name} was specified more than once."));
        }
    }
    Ok(chosen)
}
