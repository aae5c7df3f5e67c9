//! The vocabulary of the notation: what one spec file says, with every default filled in.

/// An inclusive range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub min: i16,
    pub max: i16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    Bool,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F64,
    Uuid,
    Str,
    Bytes,
    Records,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Scalar(Scalar),
    Struct(String),
    Array(Box<Type>),
}

/// The value of a field that nobody set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    /// Zero, false, empty, or the default of the struct.
    Natural,
    Null,
    Int(i64),
    True,
}

#[derive(Debug, Clone)]
pub struct Field {
    /// As Kafka spells it: `TopicId`.
    pub name: String,
    pub ty: Type,
    pub versions: Versions,
    /// The versions in which null is allowed.
    pub nullable: Option<Versions>,
    /// A tagged field is tagged in every version that has it.
    pub tag: Option<u8>,
    pub preset: Preset,
    /// Whether a value may be dropped where the version lacks the field.
    pub ignorable: bool,
    /// Part of the key of the array that Java keeps as a hash set.
    pub key: bool,
    /// Never in compact form, even where the message is flexible.
    pub noncompact: bool,
    /// What the field names, for readers: `topic`, `broker`, `group`, `producer`, `txn`.
    pub entity: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Struct {
    pub name: String,
    pub versions: Versions,
    pub fields: Vec<Field>,
}

/// Where a message travels or lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Key,
    Value,
    Record,
    Data,
    Header,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub name: String,
    pub kind: Kind,
    /// API key, or the type id of a persisted record; absent for `data` and `header`.
    pub id: Option<i16>,
    pub versions: Versions,
    /// First version with compact lengths and tagged fields.
    pub flexible_from: Option<i16>,
    /// The message itself first, then nested structs in order of appearance.
    pub structs: Vec<Struct>,
}

/// The facts of an API beside its two messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    pub key: i16,
    pub name: String,
    /// `None` when Kafka has removed it.
    pub versions: Option<Versions>,
    pub flexible_from: Option<i16>,
    pub latest_unstable: bool,
    pub broker: bool,
    pub controller: bool,
}

/// One spec file.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// Folder below `spec/`, for instance `records/cluster_metadata`.
    pub family: String,
    pub api: Option<Api>,
    pub messages: Vec<Message>,
}

impl Versions {
    pub fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    pub fn within(self, outer: Self) -> bool {
        outer.min <= self.min && self.max <= outer.max && self.min <= self.max
    }
}

impl Type {
    /// The struct that the field holds, directly or as elements.
    pub fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Scalar(_) => None,
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.struct_name(),
        }
    }
}

impl Message {
    pub fn body(&self) -> &Struct {
        &self.structs[0]
    }

    pub fn find(&self, name: &str) -> Option<&Struct> {
        self.structs.iter().find(|s| s.name == name)
    }

    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible_from.is_some_and(|from| version >= from)
    }
}

/// `TopicId` -> `topic_id`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.replace("KRaft", "Kraft").chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_word = i > 0 && !chars[i - 1].is_uppercase();
        let starts_word = i > 0 && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_word || starts_word) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
