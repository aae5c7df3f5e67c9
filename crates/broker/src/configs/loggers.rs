//! The levels of log lines: of everything (`root`), and of single modules while the server runs.

use super::{APPEND, DELETE, SUBTRACT, invalid_config, invalid_request};
use metadata::decide::Refusal;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wire::incremental_alter_configs_request::AlterableConfig;

/// The logger above all others.
const ROOT: &str = "root";

/// The modules that write log lines, each a logger; a logger without a level has that of the one
/// around it.
const MODULES: [&str; 12] = [
    "broker",
    "broker::api",
    "broker::background",
    "broker::controller",
    "broker::fetch",
    "broker::groups",
    "broker::net",
    "broker::partition",
    "broker::telemetry",
    "coordinator",
    "log",
    "metadata",
];

/// Kafka's levels, and `OFF`, which a start may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Off,
    /// As `ERROR`: no line here is worse than an error.
    Fatal,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The levels that a client may set, in the order in which refusals name them.
const LEVELS: [(&str, Level); 6] = [
    ("DEBUG", Level::Debug),
    ("ERROR", Level::Error),
    ("FATAL", Level::Fatal),
    ("INFO", Level::Info),
    ("TRACE", Level::Trace),
    ("WARN", Level::Warn),
];

type Put = Box<dyn Fn(&str) + Send + Sync>;

/// Which lines are written, and who is told when that changes.
pub struct Loggers {
    levels: Mutex<Levels>,
    /// Gets the directives of a filter, such as `info,broker::net=debug`.
    put: Put,
}

#[derive(Clone, Debug)]
struct Levels {
    root: Level,
    modules: BTreeMap<&'static str, Level>,
    /// Directives about other things, which stay.
    others: Vec<String>,
}

impl fmt::Debug for Loggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loggers({:?})", self.levels())
    }
}

impl Default for Loggers {
    /// `info`, and nobody who is told.
    fn default() -> Self {
        Self::new("info", |_| {})
    }
}

impl Loggers {
    /// Begins with the directives of a filter; `put` is called with others when levels change.
    pub fn new(directives: &str, put: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { levels: Mutex::new(Levels::parse(directives)), put: Box::new(put) }
    }

    /// Every logger and its level, in Kafka's words.
    pub(crate) fn list(&self) -> Vec<(&'static str, &'static str)> {
        let levels = self.levels();
        let all = std::iter::once(ROOT).chain(MODULES);
        all.map(|name| (name, levels.level_of(name).name())).collect()
    }

    /// Sets and resets levels: all that are asked for, or none.
    pub(super) fn alter(
        &self,
        changes: &[AlterableConfig<'_>],
        validate_only: bool,
    ) -> Result<(), Refusal> {
        let mut levels = self.levels();
        let mut altered = levels.clone();
        for change in changes {
            altered.change(change)?;
        }
        if !validate_only {
            (self.put)(&altered.directives());
            *levels = altered;
        }
        Ok(())
    }

    fn levels(&self) -> MutexGuard<'_, Levels> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Levels {
    fn parse(directives: &str) -> Self {
        let mut levels = Self { root: Level::Off, modules: BTreeMap::new(), others: Vec::new() };
        for directive in directives.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let (name, level) = directive.split_once('=').unwrap_or((ROOT, directive));
            match (module(name), Level::parse(level)) {
                (None, Some(level)) if name == ROOT => levels.root = level,
                (Some(module), Some(level)) => _ = levels.modules.insert(module, level),
                _ => levels.others.push(directive.to_owned()),
            }
        }
        levels
    }

    fn change(&mut self, change: &AlterableConfig<'_>) -> Result<(), Refusal> {
        let name = &*change.name;
        let word = match change.config_operation {
            APPEND => Some("APPEND"),
            SUBTRACT => Some("SUBTRACT"),
            _ => None,
        };
        if let Some(word) = word {
            let message = format!("{word} operation is not allowed for the BROKER_LOGGER resource");
            return Err(invalid_request(message));
        }
        let module = module(name);
        if module.is_none() && name != ROOT {
            return Err(invalid_config(format!("Logger {name} does not exist!")));
        }
        if change.config_operation == DELETE {
            let Some(module) = module else {
                let message = "Removing the log level of the root logger is not allowed";
                return Err(invalid_request(message));
            };
            self.modules.remove(module);
            return Ok(());
        }
        let given = change.value.as_deref().unwrap_or_default();
        let level = LEVELS.iter().find(|(name, _)| *name == given).map(|(_, level)| *level);
        let Some(level) = level else {
            let known = LEVELS.map(|(name, _)| name).join(", ");
            return Err(invalid_config(format!(
                "Cannot set the log level of {name} to {given} as it is not a supported log \
                 level. Valid log levels are {known}"
            )));
        };
        match module {
            Some(module) => _ = self.modules.insert(module, level),
            None => self.root = level,
        }
        Ok(())
    }

    /// Its own level, or that of the nearest logger around it.
    fn level_of(&self, name: &str) -> Level {
        let mut name = name;
        loop {
            if let Some(level) = self.modules.get(name) {
                return *level;
            }
            match name.rsplit_once("::") {
                Some((around, _)) => name = around,
                None => return self.root,
            }
        }
    }

    fn directives(&self) -> String {
        let mut directives = vec![self.root.filter().to_owned()];
        directives.extend(self.modules.iter().map(|(name, l)| format!("{name}={}", l.filter())));
        directives.extend(self.others.iter().cloned());
        directives.join(",")
    }
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
        all.into_iter().find(|level| level.filter().eq_ignore_ascii_case(text))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    /// The word of a filter's directive.
    const fn filter(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Fatal | Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

fn module(name: &str) -> Option<&'static str> {
    MODULES.into_iter().find(|module| *module == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn change(name: &'static str, operation: i8, level: &'static str) -> AlterableConfig<'static> {
        AlterableConfig {
            name: name.into(),
            config_operation: operation,
            value: Some(level.into()),
        }
    }

    #[test]
    fn levels_are_inherited_and_whoever_writes_is_told() {
        let told = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&told);
        let put = move |text: &str| *hears.lock().unwrap() = text.to_owned();
        let loggers = Loggers::new("warn,hyper=error,broker::net=TRACE", put);
        let level = |name| loggers.list().into_iter().find(|(n, _)| *n == name).unwrap().1;
        assert_eq!(
            (level(ROOT), level("broker::api"), level("broker::net")),
            ("WARN", "WARN", "TRACE")
        );
        loggers.alter(&[change("broker", 0, "DEBUG")], true).unwrap();
        assert_eq!((level("broker"), &**told.lock().unwrap()), ("WARN", ""), "only checked");
        let both = [change("broker", 0, "DEBUG"), change("broker::net", DELETE, "")];
        loggers.alter(&both, false).unwrap();
        assert_eq!((level("broker::net"), level("log")), ("DEBUG", "WARN"));
        assert_eq!(*told.lock().unwrap(), "warn,broker=debug,hyper=error");
        let half = [change(ROOT, 0, "FATAL"), change("nothing", 0, "INFO")];
        loggers.alter(&half, false).unwrap_err();
        assert_eq!(level(ROOT), "WARN", "all or none");
        loggers.alter(&[change(ROOT, 0, "FATAL")], false).unwrap();
        assert_eq!(*told.lock().unwrap(), "error,broker=debug,hyper=error");
    }
}
