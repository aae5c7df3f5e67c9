//! Turns checked specs into Rust: one file a message, and the tables.

mod json;
mod read;
mod shape;
mod structs;
mod tables;
mod traits;
mod write;

use std::fmt::Write as _;

use crate::schema::{Kind, Message, Spec, snake};

/// A generated file: its name below `OUT_DIR` and its text.
pub struct File {
    pub name: String,
    pub text: String,
}

/// All generated files; `messages.rs` includes those of the messages.
pub fn emit(specs: &[Spec]) -> Vec<File> {
    let mut files = Vec::new();
    let mut index = String::new();
    for spec in specs {
        for message in &spec.messages {
            let module = snake(&message.name);
            include_message(&mut index, message, &module);
            files.push(File { name: format!("{module}.rs"), text: message_file(spec, message) });
        }
    }
    files.push(File { name: "messages.rs".to_owned(), text: index });
    files.push(File { name: "api_keys.rs".to_owned(), text: tables::api_keys(specs) });
    files.push(File { name: "families.rs".to_owned(), text: tables::families(specs) });
    files.push(File { name: "catalogue.rs".to_owned(), text: tables::catalogue(specs) });
    files
}

fn include_message(index: &mut String, message: &Message, module: &str) {
    let Message { name, versions, .. } = message;
    let _ = writeln!(
        index,
        "pub mod {module} {{\n    //! `{name}`, versions {} to {}.\n    \
         include!(concat!(env!(\"OUT_DIR\"), \"/{module}.rs\"));\n}}\n\
         pub use {module}::{name};",
        versions.min, versions.max,
    );
}

fn message_file(spec: &Spec, message: &Message) -> String {
    let mut out = String::from("use crate::generated::*;\n\n");
    for part in &message.structs {
        structs::emit(&mut out, message, part);
        read::emit(&mut out, message, part);
        write::emit(&mut out, message, part);
        if persisted(message.kind) {
            json::emit(&mut out, message, part);
        }
    }
    traits::emit(&mut out, spec, message);
    out
}

/// Whether Kafka's tools print the message as JSON.
fn persisted(kind: Kind) -> bool {
    matches!(kind, Kind::Key | Kind::Value | Kind::Record | Kind::Data)
}
