//! What a message is: its name, versions, and the trait of its kind.

use std::fmt::Write as _;

use super::shape;
use crate::schema::{Kind, Message, Spec, snake};

pub fn emit(out: &mut String, spec: &Spec, message: &Message) {
    let name = &message.name;
    let ty = shape::struct_type(message, name, "'a");
    let _ = write!(
        out,
        "impl<'a> Message<'a> for {ty} {{\n    const NAME: &'static str = \"{name}\";\n    \
         const VERSIONS: VersionRange = VersionRange {{ min: {}, max: {} }};\n    \
         const FLEXIBLE_FROM: i16 = {};\n}}\n\n",
        message.versions.min,
        message.versions.max,
        message.flexible_from.unwrap_or(i16::MAX),
    );
    if let Some((kind, body)) = kind_trait(spec, message) {
        let _ = writeln!(out, "impl<'a> {kind}<'a> for {ty} {{\n{body}}}");
    }
}

/// The trait that the message's kind adds, and what stands in its impl.
fn kind_trait(spec: &Spec, message: &Message) -> Option<(&'static str, String)> {
    let id = message.id?;
    Some(match message.kind {
        Kind::Request => {
            let response = spec.messages.iter().find(|m| m.kind == Kind::Response)?;
            let path = format!(
                "super::{}::{}",
                snake(&response.name),
                shape::struct_type(response, &response.name, "'r")
            );
            ("Request", format!("{}    type Response<'r> = {path};\n", api_key(spec)))
        }
        Kind::Response => ("Response", api_key(spec)),
        Kind::Key => ("CoordinatorKey", format!("    const TYPE: i16 = {id};\n")),
        Kind::Value => ("CoordinatorValue", format!("    const TYPE: i16 = {id};\n")),
        Kind::Record => ("FramedRecord", format!("    const ID: u32 = {id};\n")),
        Kind::Data | Kind::Header => return None,
    })
}

fn api_key(spec: &Spec) -> String {
    let name = spec.api.as_ref().map_or("", |api| &api.name);
    format!("    const KEY: ApiKey = ApiKey::{name};\n")
}
