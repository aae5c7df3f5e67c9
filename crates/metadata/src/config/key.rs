//! One config key as data, and the notation in which the tables are written.

use super::allowed::Allowed;
use super::value::{ConfigError, ConfigValue, Kind};

/// What is known about one config key.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
    pub allowed: Allowed,
    pub importance: Importance,
    pub scope: Scope,
    pub internal: bool,
    pub effect: Effect,
    /// Broker keys that give the value where this key is not set, nearest first.
    pub synonyms: &'static [Synonym],
    /// One sentence: what it does, its unit, its special values.
    pub doc: &'static str,
}

/// What holds where nobody sets the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// The key has to be set.
    Required,
    Null,
    Text(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// How a broker key may be changed while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only in the properties file.
    ReadOnly,
    /// For one broker.
    PerBroker,
    /// For one broker or for all of them.
    ClusterWide,
}

/// What setting the key does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Effective,
    /// It tunes the Java virtual machine, or Java classes or threads, of which there are none.
    None,
    /// It belongs to a capability that this build does not have.
    Unsupported,
    /// What it tunes is done in another way, which these words say.
    DoneOtherwise(&'static str),
}

/// A broker key that stands in for another key, and the unit that it counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub scale: Scale,
}

/// Factor from a synonym's unit to that of the key that it stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Same,
    MinutesToMs,
    HoursToMs,
}

impl Scale {
    /// Milliseconds, or whatever the unit is, in one unit of the synonym.
    #[must_use]
    pub const fn factor(self) -> i64 {
        match self {
            Self::Same => 1,
            Self::MinutesToMs => 60_000,
            Self::HoursToMs => 3_600_000,
        }
    }
}

impl ConfigKey {
    /// Reads `text` as a value of this key.
    ///
    /// # Errors
    /// If the text is no value of the key's type, or one that is not allowed.
    pub fn parse(&self, text: &str) -> Result<ConfigValue, ConfigError> {
        let value = self
            .kind
            .parse(text)
            .map_err(|expected| ConfigError::new(self.name, self.shown(text), expected))?;
        self.check(value)
    }

    /// The value that holds where nobody sets the key; null if it has to be set.
    #[must_use]
    pub fn default_value(&self) -> ConfigValue {
        match self.default {
            Default::Required | Default::Null => ConfigValue::Null,
            Default::Text(text) => self.kind.parse(text).unwrap_or(ConfigValue::Null),
        }
    }

    /// Whether the value must not be shown.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    fn check(&self, value: ConfigValue) -> Result<ConfigValue, ConfigError> {
        match self.allowed.refusal(&value) {
            None => Ok(value),
            Some(expected) => {
                Err(ConfigError::new(self.name, self.shown(&value.to_string()), expected))
            }
        }
    }

    fn shown(&self, text: &str) -> String {
        if self.is_sensitive() { "[hidden]".to_owned() } else { text.to_owned() }
    }
}

/// The notation of the tables: `long("retention.ms").or("604800000").at_least(-1).doc("…")`.
impl ConfigKey {
    const fn of(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            default: Default::Required,
            allowed: Allowed::Any,
            importance: Importance::Medium,
            scope: Scope::ReadOnly,
            internal: false,
            effect: Effect::Effective,
            synonyms: &[],
            doc: "",
        }
    }

    /// The default.
    pub(super) const fn or(mut self, text: &'static str) -> Self {
        self.default = Default::Text(text);
        self
    }

    /// Null is the default.
    pub(super) const fn or_null(mut self) -> Self {
        self.default = Default::Null;
        self
    }

    pub(super) const fn allow(mut self, allowed: Allowed) -> Self {
        self.allowed = allowed;
        self
    }

    pub(super) const fn at_least(self, min: i64) -> Self {
        self.allow(Allowed::Between(min, i64::MAX))
    }

    pub(super) const fn between(self, min: i64, max: i64) -> Self {
        self.allow(Allowed::Between(min, max))
    }

    pub(super) const fn high(mut self) -> Self {
        self.importance = Importance::High;
        self
    }

    pub(super) const fn low(mut self) -> Self {
        self.importance = Importance::Low;
        self
    }

    pub(super) const fn per_broker(mut self) -> Self {
        self.scope = Scope::PerBroker;
        self
    }

    pub(super) const fn cluster_wide(mut self) -> Self {
        self.scope = Scope::ClusterWide;
        self
    }

    pub(super) const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    pub(super) const fn no_effect(mut self) -> Self {
        self.effect = Effect::None;
        self
    }

    pub(super) const fn unsupported(mut self) -> Self {
        self.effect = Effect::Unsupported;
        self
    }

    pub(super) const fn done_otherwise(mut self, how: &'static str) -> Self {
        self.effect = Effect::DoneOtherwise(how);
        self
    }

    pub(super) const fn from(mut self, synonyms: &'static [Synonym]) -> Self {
        self.synonyms = synonyms;
        self
    }

    pub(super) const fn doc(mut self, sentence: &'static str) -> Self {
        self.doc = sentence;
        self
    }
}

macro_rules! constructors {
    ($($name:ident $kind:ident),*) => {
        $(
            #[doc = concat!("A key of kind `", stringify!($kind), "`.")]
            pub(super) const fn $name(name: &'static str) -> ConfigKey {
                ConfigKey::of(name, Kind::$kind)
            }
        )*
    };
}

constructors!(boolean Boolean, string String, int Int, short Short, long Long, double Double,
    list List, class Class, password Password);

pub(super) const fn same(name: &'static str) -> Synonym {
    Synonym { name, scale: Scale::Same }
}

pub(super) const fn minutes(name: &'static str) -> Synonym {
    Synonym { name, scale: Scale::MinutesToMs }
}

pub(super) const fn hours(name: &'static str) -> Synonym {
    Synonym { name, scale: Scale::HoursToMs }
}
