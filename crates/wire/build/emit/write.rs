//! The encoder of one struct, which closes the `Part` impl that the decoder opens.

use std::fmt::Write as _;

use super::shape::{self, Flexible};
use crate::schema::{Field, Message, Struct};

pub fn emit(out: &mut String, message: &Message, part: &Struct) {
    let flexible = shape::flexible(message, part);
    let (w, s) = match (part.fields.is_empty(), flexible) {
        (false, _) | (true, Flexible::Sometimes) => ("w", "s"),
        (true, Flexible::Always) => ("w", "_"),
        (true, Flexible::Never) => ("_", "_"),
    };
    let _ = writeln!(
        out,
        "\n    fn write(&self, {w}: &mut Writer, {s}: Shape) -> Result<(), EncodeError> {{"
    );
    for field in part.fields.iter().filter(|field| field.tag.is_none()) {
        let value = write_statement(part, field);
        guarded(out, part, field, &value);
    }
    let tags = tag_writer(message, part);
    match flexible {
        Flexible::Never => {}
        Flexible::Always => out.push_str(&tags),
        Flexible::Sometimes => {
            let _ = writeln!(out, "        if s.flexible {{\n{}        }}", shape::indented(&tags));
        }
    }
    for field in part.fields.iter().filter(|field| field.tag.is_some() && !field.ignorable) {
        refuse_where_absent(out, part, field);
    }
    out.push_str("        Ok(())\n    }\n}\n\n");
}

fn guarded(out: &mut String, part: &Struct, field: &Field, value: &str) {
    let Some(condition) = shape::condition(field.versions, part.versions) else {
        let _ = writeln!(out, "        {value}");
        return;
    };
    let _ = write!(out, "        if {condition} {{\n            {value}\n        }}");
    if !field.ignorable {
        let _ = write!(
            out,
            " else if {} {{\n            return Err(s.absent(\"{}.{}\"));\n        }}",
            shape::is_set(field),
            part.name,
            field.name
        );
    }
    out.push('\n');
}

fn refuse_where_absent(out: &mut String, part: &Struct, field: &Field) {
    if let Some(absent) = shape::absence(field.versions, part.versions) {
        let _ = writeln!(
            out,
            "        if {absent} && {} {{\n            \
             return Err(s.absent(\"{}.{}\"));\n        }}",
            shape::is_set(field),
            part.name,
            field.name
        );
    }
}

/// Writes the value in a version that has it.
fn write_statement(part: &Struct, field: &Field) -> String {
    let shape = if field.noncompact { "s.rigid()" } else { "s" };
    let ident = shape::ident(field);
    let plain = format!("self.{ident}.write(w, {shape})?;");
    let path = format!("\"{}.{}\"", part.name, field.name);
    if shape::is_non_null_records(field) {
        return format!("self.{ident}.write_non_null(w, {shape}, {path})?;");
    }
    if !shape::is_option(field) {
        return plain;
    }
    let nullable = field.nullable.unwrap_or(field.versions);
    match shape::condition(nullable, field.versions) {
        None => plain,
        Some(condition) => format!(
            "if {condition} {{ {plain} }} else {{ s.some(self.{ident}.as_ref(), {path})?.write(w, {shape})?; }}"
        ),
    }
}

fn tag_writer(message: &Message, part: &Struct) -> String {
    let versions = shape::tagged_versions(message, part);
    let mut tagged: Vec<&Field> = part.fields.iter().filter(|f| f.tag.is_some()).collect();
    tagged.sort_by_key(|field| field.tag);
    if tagged.is_empty() {
        return "        w.no_tags();\n".to_owned();
    }
    let mut out = String::from("        let tags = w.open_tags();\n");
    for field in tagged {
        let present = shape::condition(field.versions, versions);
        let present = present.map_or(String::new(), |condition| format!("{condition} && "));
        let ident = shape::ident(field);
        let value = if shape::is_tagged_option(field) {
            format!("write_tagged(self.{ident}.as_ref(), w, s)")
        } else {
            format!("self.{ident}.write(w, s)")
        };
        let _ = writeln!(
            out,
            "        if {present}{} {{\n            w.tag(tags, {}, |w| {value})?;\n        }}",
            shape::is_set(field),
            field.tag.unwrap_or_default(),
        );
    }
    out
}
