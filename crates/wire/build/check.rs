//! What must hold for every message before code is made of it; what the parser cannot see.

use std::collections::BTreeSet;

use crate::schema::{Field, Kind, Message, Preset, Scalar, Spec, Struct, Type};

/// Tags and their count are written in one byte each.
const TAG_MAX: u8 = 126;

/// Checks all files together; the error says which message and why.
pub fn check(specs: &[Spec]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for spec in specs {
        if let Some(api) = &spec.api
            && !keys.insert(api.key)
        {
            return Err(format!("API key {} is taken twice", api.key));
        }
        for message in &spec.messages {
            message_holds(message).map_err(|why| format!("{}: {why}", message.name))?;
            if !names.insert(message.name.as_str()) {
                return Err(format!("{} is defined twice", message.name));
            }
        }
    }
    let dense = keys.iter().zip(0i16..).all(|(key, place)| *key == place);
    if dense { Ok(()) } else { Err("API keys have a gap".to_owned()) }
}

fn message_holds(message: &Message) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for part in &message.structs {
        if !names.insert(part.name.as_str()) {
            return Err(format!("struct {} is defined twice", part.name));
        }
        struct_holds(message, part)?;
    }
    let mut path = Vec::new();
    acyclic(message, message.body(), &mut path)?;
    if message.kind == Kind::Key && message.flexible_from.is_some() {
        return Err("a coordinator key is never flexible".to_owned());
    }
    Ok(())
}

fn struct_holds(message: &Message, part: &Struct) -> Result<(), String> {
    let mut tags = Vec::new();
    for field in &part.fields {
        let fail = |why: &str| Err(format!("{}.{}: {why}", part.name, field.name));
        if let Some(name) = field.ty.struct_name()
            && message.find(name).is_none()
        {
            return fail("its struct is not defined");
        }
        if !preset_fits(field) {
            return fail("the default does not fit the type");
        }
        if let Some(tag) = field.tag {
            if tag > TAG_MAX || !message.is_flexible(field.versions.min) {
                return fail("a tag must be small and in flexible versions only");
            }
            tags.push(tag);
        }
        let array_of_records = Type::Array(Box::new(Type::Scalar(Scalar::Records)));
        if field.ty == array_of_records || field.tag.is_some() && is_records(field) {
            return fail("records stand alone and untagged");
        }
    }
    tags.sort_unstable();
    if tags.iter().zip(0u8..).any(|(tag, place)| *tag != place) {
        return Err(format!("{}: tags must count up from 0", part.name));
    }
    Ok(())
}

fn is_records(field: &Field) -> bool {
    field.ty == Type::Scalar(Scalar::Records)
}

fn preset_fits(field: &Field) -> bool {
    use Scalar::{Bool, I8, I16, I32, I64, U16, U32};
    match (&field.preset, &field.ty) {
        (Preset::Natural, _) => true,
        (Preset::Null, _) => field.nullable.is_some(),
        (Preset::True, ty) => *ty == Type::Scalar(Bool),
        (Preset::Int(value), Type::Scalar(scalar)) => match scalar {
            I8 => i8::try_from(*value).is_ok(),
            I16 => i16::try_from(*value).is_ok(),
            U16 => u16::try_from(*value).is_ok(),
            I32 => i32::try_from(*value).is_ok(),
            U32 => u32::try_from(*value).is_ok(),
            I64 => true,
            _ => false,
        },
        (Preset::Int(_), _) => false,
    }
}

/// A struct within itself would let hostile input recurse without bound.
fn acyclic<'m>(
    message: &'m Message,
    part: &'m Struct,
    path: &mut Vec<&'m str>,
) -> Result<(), String> {
    if path.contains(&part.name.as_str()) {
        return Err(format!("struct {} contains itself", part.name));
    }
    path.push(&part.name);
    for inner in part.fields.iter().filter_map(|field| field.ty.struct_name()) {
        if let Some(inner) = message.find(inner) {
            acyclic(message, inner, path)?;
        }
    }
    path.pop();
    Ok(())
}
