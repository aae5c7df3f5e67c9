//! Tables over all messages: API keys, the families of persisted records, the catalogue.

use std::fmt::Write as _;

use super::{persisted, shape};
use crate::schema::{Kind, Message, Spec};

/// `enum ApiKey` and the facts of each key.
pub fn api_keys(specs: &[Spec]) -> String {
    let mut apis: Vec<_> = specs.iter().filter_map(|spec| spec.api.as_ref()).collect();
    apis.sort_by_key(|api| api.key);
    let mut out = String::from(
        "/// Kafka's API keys, removed ones included.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[repr(i16)]\npub enum ApiKey {\n",
    );
    for api in &apis {
        let _ = writeln!(out, "    {} = {},", api.name, api.key);
    }
    let count = apis.len();
    let _ = writeln!(out, "}}\n\nconst FACTS: [Facts; {count}] = [");
    for api in &apis {
        let versions = api.versions.map_or("None".to_owned(), |versions| {
            format!("Some(VersionRange {{ min: {}, max: {} }})", versions.min, versions.max)
        });
        let _ = writeln!(
            out,
            "    Facts {{ key: ApiKey::{name}, name: \"{name}\", versions: {versions}, \
             flexible_from: {}, latest_unstable: {}, \
             listeners: Listeners {{ broker: {}, controller: {} }} }},",
            api.flexible_from.unwrap_or(i16::MAX),
            api.latest_unstable,
            api.broker,
            api.controller,
            name = api.name,
        );
    }
    out.push_str("];\n");
    out
}

/// One row per message, for tools and tests that go over all of them.
pub fn catalogue(specs: &[Spec]) -> String {
    let mut out = String::from("/// Every message.\npub static CATALOGUE: &[Entry] = &[\n");
    for message in specs.iter().flat_map(|spec| &spec.messages) {
        let Message { name, kind, .. } = message;
        let id = message.id.map_or("None".to_owned(), |id| format!("Some({id})"));
        let any = shape::struct_type(message, name, "'_");
        let json = if persisted(*kind) {
            format!("Some(|bytes, version| json::<crate::{any}>(bytes, version))")
        } else {
            "None".to_owned()
        };
        let fixed = shape::struct_type(message, name, "'static");
        let _ = writeln!(
            out,
            "    Entry {{ name: \"{name}\", kind: Kind::{kind:?}, id: {id}, \
             versions: <crate::{fixed} as Message>::VERSIONS, \
             flexible_from: <crate::{fixed} as Message>::FLEXIBLE_FROM, \
             expansion: <crate::{fixed} as Part>::EXPANSION, \
             decode: |bytes, version| decode::<crate::{any}>(bytes, version), \
             reencode: |bytes, version| reencode::<crate::{any}>(bytes, version), \
             debug: |bytes, version| debug::<crate::{any}>(bytes, version), json: {json} }},"
        );
    }
    out.push_str("];\n");
    out
}

/// The enums over the records that share a log.
pub fn families(specs: &[Spec]) -> String {
    let mut out = String::new();
    for (folder, name) in
        [("cluster_metadata", "MetadataRecord"), ("remote_log_metadata", "RemoteLogRecord")]
    {
        let records = messages(specs, folder, Kind::Record);
        let rows = rows(&records, "Record", |message| {
            let upper = crate::schema::snake(&message.name).to_uppercase();
            format!("{} \"{upper}\"", message.id.unwrap_or_default())
        });
        let _ = writeln!(out, "framed_family! {{ {name}\n{rows}}}");
    }
    for (folder, name) in [
        ("consumer_offsets", "Offsets"),
        ("transaction_state", "TransactionState"),
        ("share_group_state", "ShareState"),
    ] {
        let keys = messages(specs, folder, Kind::Key);
        let values = messages(specs, folder, Kind::Value);
        let lifetimes = [lifetime(&keys), lifetime(&values)];
        let keys = rows(&keys, "Key", |message| message.id.unwrap_or_default().to_string());
        let values = rows(&values, "Value", |message| message.id.unwrap_or_default().to_string());
        let _ = writeln!(out, "key_family! {{ {name}Key{}\n{keys}}}", lifetimes[0]);
        let _ = writeln!(out, "value_family! {{ {name}Value{}\n{values}}}", lifetimes[1]);
    }
    out
}

fn messages<'s>(specs: &'s [Spec], folder: &str, kind: Kind) -> Vec<&'s Message> {
    let family = format!("records/{folder}");
    let specs = specs.iter().filter(|spec| spec.family == family);
    specs.flat_map(|spec| &spec.messages).filter(|message| message.kind == kind).collect()
}

/// The lifetime of an enum over `messages`, if any of them borrows.
fn lifetime(messages: &[&Message]) -> &'static str {
    let borrows = messages.iter().any(|message| shape::borrows(message, &message.name));
    if borrows { "<'a>" } else { "" }
}

/// `Variant Type<'a> facts,` a line.
fn rows(messages: &[&Message], suffix: &str, facts: impl Fn(&Message) -> String) -> String {
    let mut out = String::new();
    for message in messages {
        let variant = message.name.strip_suffix(suffix).unwrap_or(&message.name);
        let ty = shape::struct_type(message, &message.name, "'a");
        let _ = writeln!(out, "    {variant} ({ty}) {},", facts(message));
    }
    out
}
