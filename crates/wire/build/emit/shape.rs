//! How a field looks in Rust and on the wire: its type, default, smallest size, conditions.

use crate::schema::{Field, Message, Preset, Scalar, Struct, Type, Versions, snake};

const KEYWORDS: [&str; 6] = ["type", "match", "ref", "move", "use", "where"];

/// The field's name in Rust.
pub fn ident(field: &Field) -> String {
    let name = snake(&field.name);
    if KEYWORDS.contains(&name.as_str()) { format!("r#{name}") } else { name }
}

/// Whether the struct holds bytes of the input.
pub fn borrows(message: &Message, name: &str) -> bool {
    let Some(part) = message.find(name) else { return false };
    part.fields.iter().any(|field| type_borrows(message, &field.ty))
}

pub fn type_borrows(message: &Message, ty: &Type) -> bool {
    match ty {
        Type::Scalar(scalar) => {
            matches!(scalar, Scalar::Str | Scalar::Bytes | Scalar::Records)
        }
        Type::Struct(name) => borrows(message, name),
        Type::Array(element) => type_borrows(message, element),
    }
}

/// The struct with its lifetime if it has one: `FetchTopic<'a>`.
pub fn struct_type(message: &Message, name: &str, lifetime: &str) -> String {
    if borrows(message, name) { format!("{name}<{lifetime}>") } else { name.to_owned() }
}

/// The field's type in Rust.
pub fn field_type(message: &Message, field: &Field) -> String {
    let ty = value_type(message, &field.ty);
    if is_option(field) { format!("Option<{ty}>") } else { ty }
}

/// Records have their own null; every other nullable type is an `Option`.
pub fn is_option(field: &Field) -> bool {
    field.nullable.is_some() && field.ty != Type::Scalar(Scalar::Records)
}

/// A nullable struct in a tag has a null marker of its own kind.
pub fn is_tagged_option(field: &Field) -> bool {
    field.tag.is_some() && field.nullable.is_some() && matches!(field.ty, Type::Struct(_))
}

/// Records that may not be null in any version.
pub fn is_non_null_records(field: &Field) -> bool {
    field.nullable.is_none() && field.ty == Type::Scalar(Scalar::Records)
}

fn value_type(message: &Message, ty: &Type) -> String {
    match ty {
        Type::Scalar(scalar) => match scalar {
            Scalar::Bool => "bool",
            Scalar::I8 => "i8",
            Scalar::I16 => "i16",
            Scalar::U16 => "u16",
            Scalar::I32 => "i32",
            Scalar::U32 => "u32",
            Scalar::I64 => "i64",
            Scalar::F64 => "f64",
            Scalar::Uuid => "Uuid",
            Scalar::Str => "Str<'a>",
            Scalar::Bytes => "Blob<'a>",
            Scalar::Records => "Records<'a>",
        }
        .to_owned(),
        Type::Struct(name) => struct_type(message, name, "'a"),
        Type::Array(element) => format!("Vec<{}>", value_type(message, element)),
    }
}

/// The field's default as an expression.
pub fn preset(field: &Field) -> String {
    match &field.preset {
        Preset::Null => "None".to_owned(),
        Preset::True => "true".to_owned(),
        Preset::Int(value) => value.to_string(),
        Preset::Natural if is_option(field) => format!("Some({})", natural(&field.ty)),
        Preset::Natural => natural(&field.ty),
    }
}

fn natural(ty: &Type) -> String {
    match ty {
        Type::Scalar(Scalar::Bool) => "false".to_owned(),
        Type::Scalar(Scalar::F64) => "0.0".to_owned(),
        Type::Scalar(Scalar::Uuid) => "Uuid::ZERO".to_owned(),
        Type::Scalar(Scalar::Str) => "Str::Borrowed(\"\")".to_owned(),
        Type::Scalar(Scalar::Bytes) => "Blob::Borrowed(&[])".to_owned(),
        Type::Scalar(Scalar::Records) => "Records::Null".to_owned(),
        Type::Scalar(_) => "0".to_owned(),
        Type::Struct(name) => format!("{name}::default()"),
        Type::Array(_) => "Vec::new()".to_owned(),
    }
}

/// Whether `#[derive(Default)]` gives the field its default.
pub fn derives_default(field: &Field) -> bool {
    match field.preset {
        Preset::Natural => !is_option(field),
        Preset::Null => true,
        Preset::True | Preset::Int(_) => false,
    }
}

/// An expression that is true when the field differs from its default.
pub fn is_set(field: &Field) -> String {
    let this = format!("self.{}", ident(field));
    match (&field.preset, &field.ty) {
        (Preset::Null, _) => format!("{this}.is_some()"),
        (Preset::True, _) => format!("!{this}"),
        (Preset::Int(value), _) => format!("{this} != {value}"),
        (Preset::Natural, Type::Struct(name)) if is_option(field) => {
            format!("{this} != Some({name}::default())")
        }
        (Preset::Natural, _) if is_option(field) => {
            format!("{this}.as_ref().is_none_or(|value| !value.is_empty())")
        }
        (Preset::Natural, Type::Scalar(Scalar::Bool)) => this,
        (Preset::Natural, Type::Scalar(Scalar::Uuid)) => format!("!{this}.is_zero()"),
        (Preset::Natural, Type::Scalar(Scalar::Str | Scalar::Bytes) | Type::Array(_)) => {
            format!("!{this}.is_empty()")
        }
        (Preset::Natural, ty) => format!("{this} != {}", natural(ty)),
    }
}

/// The condition under which `inner` holds, given that `outer` does; `None` if always.
pub fn condition(inner: Versions, outer: Versions) -> Option<String> {
    let Versions { min, max } = inner;
    match (min > outer.min, max < outer.max) {
        (false, false) => None,
        (true, false) => Some(format!("s.version >= {min}")),
        (false, true) => Some(format!("s.version <= {max}")),
        (true, true) if min == max => Some(format!("s.version == {min}")),
        (true, true) => Some(format!("({min}..={max}).contains(&s.version)")),
    }
}

/// The opposite of [`condition`].
pub fn absence(inner: Versions, outer: Versions) -> Option<String> {
    let Versions { min, max } = inner;
    match (min > outer.min, max < outer.max) {
        (false, false) => None,
        (true, false) => Some(format!("s.version < {min}")),
        (false, true) => Some(format!("s.version > {max}")),
        (true, true) if min == max => Some(format!("s.version != {min}")),
        (true, true) => Some(format!("!({min}..={max}).contains(&s.version)")),
    }
}

/// When the versions of a struct are flexible: never, always, or by version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flexible {
    Never,
    Sometimes,
    Always,
}

pub fn flexible(message: &Message, part: &Struct) -> Flexible {
    match (message.is_flexible(part.versions.min), message.is_flexible(part.versions.max)) {
        (true, _) => Flexible::Always,
        (false, true) => Flexible::Sometimes,
        (false, false) => Flexible::Never,
    }
}

/// The versions in which the struct has tagged fields.
pub fn tagged_versions(message: &Message, part: &Struct) -> Versions {
    let from = message.flexible_from.unwrap_or(i16::MAX);
    Versions { min: part.versions.min.max(from), max: part.versions.max }
}

/// The lines of a block, one level deeper.
pub fn indented(block: &str) -> String {
    block.lines().map(|line| format!("    {line}\n")).collect()
}

/// The fewest bytes that the struct takes in any of its versions.
pub fn bytes_min(message: &Message, part: &Struct) -> usize {
    let Versions { min, max } = part.versions;
    (min..=max).map(|version| struct_bytes(message, part, version)).min().unwrap_or(0)
}

fn struct_bytes(message: &Message, part: &Struct, version: i16) -> usize {
    let fields = part.fields.iter().filter(|f| f.tag.is_none() && f.versions.contains(version));
    let tags = usize::from(message.is_flexible(version));
    fields.map(|field| field_bytes(message, field, version)).sum::<usize>() + tags
}

fn field_bytes(message: &Message, field: &Field, version: i16) -> usize {
    let compact = message.is_flexible(version) && !field.noncompact;
    let prefixed = |wide: usize| if compact { 1 } else { wide };
    match &field.ty {
        Type::Struct(_) if field.nullable.is_some() => 1,
        Type::Struct(name) => {
            message.find(name).map_or(0, |part| struct_bytes(message, part, version))
        }
        Type::Array(_) => prefixed(4),
        Type::Scalar(scalar) => match scalar {
            Scalar::Bool | Scalar::I8 => 1,
            Scalar::I16 | Scalar::U16 => 2,
            Scalar::I32 | Scalar::U32 => 4,
            Scalar::I64 | Scalar::F64 => 8,
            Scalar::Uuid => 16,
            Scalar::Str => prefixed(2),
            Scalar::Bytes | Scalar::Records => prefixed(4),
        },
    }
}
