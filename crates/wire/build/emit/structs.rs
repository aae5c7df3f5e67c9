//! The struct itself, its default and `into_owned`.

use std::fmt::Write as _;

use super::shape;
use crate::schema::{Field, Message, Struct};

pub fn emit(out: &mut String, message: &Message, part: &Struct) {
    let ty = shape::struct_type(message, &part.name, "'a");
    let derived = part.fields.iter().all(shape::derives_default);
    let default = if derived { ", Default" } else { "" };
    let _ = writeln!(out, "#[derive(Debug, Clone, PartialEq{default})]\npub struct {ty} {{");
    for field in &part.fields {
        let ty = shape::field_type(message, field);
        let _ = writeln!(out, "    pub {}: {ty},", shape::ident(field));
    }
    out.push_str("}\n\n");
    if !derived {
        preset(out, message, part);
    }
    let _ = writeln!(out, "impl<'a> Composite<'a> for {ty} {{}}\n");
    into_owned(out, message, part);
}

fn preset(out: &mut String, message: &Message, part: &Struct) {
    let ty = shape::struct_type(message, &part.name, "'_");
    let _ = writeln!(out, "impl Default for {ty} {{\n    fn default() -> Self {{\n        Self {{");
    for field in &part.fields {
        let _ = writeln!(out, "            {}: {},", shape::ident(field), shape::preset(field));
    }
    out.push_str("        }\n    }\n}\n\n");
}

fn into_owned(out: &mut String, message: &Message, part: &Struct) {
    let name = &part.name;
    let borrows = shape::borrows(message, name);
    let header = if borrows { format!("impl {name}<'_> {{") } else { format!("impl {name} {{") };
    let result = shape::struct_type(message, name, "'static");
    let _ = writeln!(
        out,
        "{header}\n    /// The same message without borrowed bytes.\n    #[must_use]\n    \
         pub fn into_owned(self) -> {result} {{"
    );
    if borrows {
        let _ = writeln!(out, "        {name} {{");
        for field in &part.fields {
            let ident = shape::ident(field);
            let _ = writeln!(out, "            {ident}: {},", owned(message, field, &ident));
        }
        out.push_str("        }\n");
    } else {
        out.push_str("        self\n");
    }
    out.push_str("    }\n}\n\n");
    if borrows {
        let _ = writeln!(
            out,
            "impl IntoStatic for {name}<'_> {{\n    type Static = {name}<'static>;\n    \
             fn into_static(self) -> {name}<'static> {{\n        self.into_owned()\n    }}\n}}\n"
        );
    }
}

fn owned(message: &Message, field: &Field, ident: &str) -> String {
    if shape::type_borrows(message, &field.ty) {
        format!("self.{ident}.into_static()")
    } else {
        format!("self.{ident}")
    }
}
