//! The JSON layout of one persisted struct, as Kafka's dump tools print it.

use std::fmt::Write as _;

use super::shape;
use crate::schema::{Field, Message, Struct};

pub fn emit(out: &mut String, message: &Message, part: &Struct) {
    let ty = shape::struct_type(message, &part.name, "'_");
    let s = if part.fields.is_empty() { "_" } else { "s" };
    let _ = writeln!(
        out,
        "impl Printed for {ty} {{\n    fn print(&self, j: &mut Json, {s}: Shape) {{\n        \
         j.open('{{');"
    );
    for field in &part.fields {
        let line = format!("j.member(\"{}\", &self.{}, s);", camel(field), shape::ident(field));
        let _ = match condition(part, field) {
            None => writeln!(out, "        {line}"),
            Some(condition) => {
                writeln!(out, "        if {condition} {{\n            {line}\n        }}")
            }
        };
    }
    out.push_str("        j.close('}');\n    }\n}\n\n");
}

/// A tagged field is printed like it is written: only when it differs from its default.
fn condition(part: &Struct, field: &Field) -> Option<String> {
    let present = shape::condition(field.versions, part.versions);
    let set = field.tag.map(|_| shape::is_set(field));
    match (present, set) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one),
        (Some(present), Some(set)) => Some(format!("{present} && {set}")),
    }
}

fn camel(field: &Field) -> String {
    field.name[..1].to_lowercase() + &field.name[1..]
}
