//! The decoder of one struct: the fields in order, then the tagged ones.

use std::fmt::Write as _;

use super::shape::{self, Flexible};
use crate::schema::{Field, Message, Struct, Type};

pub fn emit(out: &mut String, message: &Message, part: &Struct) {
    let ty = shape::struct_type(message, &part.name, "'a");
    let min = shape::bytes_min(message, part);
    let expansion = expansion(message, part);
    let flexible = shape::flexible(message, part);
    let tagged = part.fields.iter().any(|field| field.tag.is_some());
    let unused = part.fields.iter().all(|field| field.tag.is_some());
    let (r, s) = match (unused, flexible) {
        (true, Flexible::Never) => ("_", "_"),
        (true, Flexible::Always) if !tagged => ("r", "_"),
        _ => ("r", "s"),
    };
    let _ = writeln!(
        out,
        "impl<'a> Part<'a> for {ty} {{\n    const BYTES_MIN: usize = {min};\n{expansion}\n    \
         fn read({r}: &mut Reader<'a>, {s}: Shape) -> Result<Self, DecodeError> {{"
    );
    let ends = flexible != Flexible::Never;
    out.push_str(match (tagged, ends) {
        (true, _) => "        let mut m = Self {\n",
        (false, true) => "        let m = Self {\n",
        (false, false) => "        Ok(Self {\n",
    });
    for field in &part.fields {
        let value =
            if field.tag.is_some() { shape::preset(field) } else { conditional_read(part, field) };
        let _ = writeln!(out, "            {}: {value},", shape::ident(field));
    }
    if !ends {
        out.push_str("        })\n    }\n");
        return;
    }
    out.push_str("        };\n");
    let tags =
        if tagged { tag_reader(message, part) } else { "        r.skip_tags()?;\n".to_owned() };
    if flexible == Flexible::Sometimes {
        let _ = writeln!(out, "        if s.flexible {{\n{}        }}", shape::indented(&tags));
    } else {
        out.push_str(&tags);
    }
    out.push_str("        Ok(m)\n    }\n");
}

/// Only arrays and structs with arrays allocate.
fn expansion(message: &Message, part: &Struct) -> String {
    let holders = part.fields.iter().filter(|field| !matches!(field.ty, Type::Scalar(_)));
    let all: Vec<String> = holders
        .map(|field| format!("<{} as Part>::EXPANSION", shape::field_type(message, field)))
        .collect();
    if all.is_empty() {
        return String::new();
    }
    format!("    const EXPANSION: usize = most(&[{}]);\n", all.join(", "))
}

fn conditional_read(part: &Struct, field: &Field) -> String {
    let value = read_expression(field);
    match shape::condition(field.versions, part.versions) {
        None => value,
        Some(condition) => {
            format!("if {condition} {{ {value} }} else {{ {} }}", shape::preset(field))
        }
    }
}

/// Reads the value in a version that has it.
fn read_expression(field: &Field) -> String {
    let shape = if field.noncompact { "s.rigid()" } else { "s" };
    if shape::is_tagged_option(field) {
        return format!("read_tagged(r, {shape})?");
    }
    let plain = format!("Part::read(r, {shape})?");
    if !shape::is_option(field) {
        return if shape::is_non_null_records(field) {
            format!("Records::read_non_null(r, {shape})?")
        } else {
            plain
        };
    }
    let nullable = field.nullable.unwrap_or(field.versions);
    match shape::condition(nullable, field.versions) {
        None => plain,
        Some(condition) => format!("if {condition} {{ {plain} }} else {{ Some({plain}) }}"),
    }
}

/// Kafka refuses a tag that only other versions know; one that no version knows is skipped.
fn tag_reader(message: &Message, part: &Struct) -> String {
    let tagged = shape::tagged_versions(message, part);
    let mut arms = String::new();
    for field in &part.fields {
        let Some(tag) = field.tag else { continue };
        let ident = shape::ident(field);
        let value = read_expression(field);
        let guard = shape::condition(field.versions, tagged);
        let _ = match guard {
            None => writeln!(arms, "                {tag} => m.{ident} = {value},"),
            Some(guard) => writeln!(
                arms,
                "                {tag} if {guard} => m.{ident} = {value},\n                \
                 {tag} => return Err(r.error(Malformed::TagVersion(tag))),"
            ),
        };
    }
    format!(
        "        r.tags(|tag, r| {{\n            match tag {{\n{arms}                \
         _ => return Ok(false),\n            }}\n            Ok(true)\n        }})?;\n"
    )
}
