//! Our notation says what Kafka 4.4.0's own definitions say, field by field.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

#[path = "../build/check.rs"]
mod check;
#[path = "support/definitions.rs"]
mod definitions;
#[path = "../build/parse.rs"]
mod parse;
#[allow(dead_code, reason = "the generator uses the rest")]
#[path = "../build/schema.rs"]
mod schema;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use schema::{Api, Message, Spec};

#[test]
fn the_notation_says_what_kafka_defines() {
    let Some(jars) = support::jars() else { return };
    let theirs = definitions::read(&jars);
    let ours = specs();
    check::check(&ours).unwrap();

    let their_apis: BTreeMap<i16, &Api> =
        theirs.iter().filter_map(|one| one.api.as_ref()).map(|api| (api.key, api)).collect();
    let our_apis: BTreeMap<i16, &Api> =
        ours.iter().filter_map(|spec| spec.api.as_ref()).map(|api| (api.key, api)).collect();
    assert_eq!(our_apis.len(), 95, "API keys of Kafka 4.4");
    assert_eq!(our_apis, their_apis);

    let their_messages: BTreeMap<&str, &Message> = theirs
        .iter()
        .filter_map(|one| one.message.as_ref())
        .map(|m| (m.name.as_str(), m))
        .collect();
    let our_messages: BTreeMap<&str, &Message> =
        ours.iter().flat_map(|spec| &spec.messages).map(|m| (m.name.as_str(), m)).collect();
    let differences: Vec<String> = their_messages
        .iter()
        .flat_map(|(name, theirs)| match our_messages.get(name) {
            Some(ours) => differences(ours, theirs),
            None => vec![format!("{name} is missing")],
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(our_messages.len(), their_messages.len(), "messages that Kafka does not have");
    assert!(their_messages.len() > 270, "the jars hold the definitions");
}

/// Where two definitions of a message differ, a line each.
fn differences(ours: &Message, theirs: &Message) -> Vec<String> {
    let mut out = Vec::new();
    let head =
        |m: &Message| format!("{:?} {:?} {:?} {:?}", m.kind, m.id, m.versions, m.flexible_from);
    let mut same = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            out.push(format!("{what}\n    Kafka {theirs}\n    ours  {ours}"));
        }
    };
    same(&ours.name, head(ours), head(theirs));
    same(&ours.name, struct_names(ours), struct_names(theirs));
    for (ours, theirs) in ours.structs.iter().zip(&theirs.structs) {
        let what = format!("{} {:?}", ours.name, ours.versions);
        same(&what, format!("{:?}", ours.versions), format!("{:?}", theirs.versions));
        let count = ours.fields.len().max(theirs.fields.len());
        for place in 0..count {
            let ours = format!("{:?}", ours.fields.get(place));
            same(&what, ours, format!("{:?}", theirs.fields.get(place)));
        }
    }
    out
}

fn struct_names(message: &Message) -> String {
    let names: Vec<&str> = message.structs.iter().map(|part| part.name.as_str()).collect();
    names.join(" ")
}

fn specs() -> Vec<Spec> {
    let mut specs = Vec::new();
    read_folder(&support::source("spec"), "", &mut specs);
    specs
}

fn read_folder(folder: &Path, family: &str, specs: &mut Vec<Spec>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            read_folder(&path, &format!("{family}/{name}"), specs);
        } else if name.ends_with(".kl") {
            let text = std::fs::read_to_string(&path).unwrap();
            let spec = parse::parse(family, &text);
            specs.push(spec.unwrap_or_else(|why| panic!("{name}: {why}")));
        }
    }
}

/// A notation that says something else than it seems to must not pass.
#[test]
fn mistakes_in_the_notation_are_refused() {
    let accepted = |text: &str| {
        let spec = parse::parse("", text).map_err(|why| why.clone())?;
        check::check(&[spec])
    };
    let field = |line: &str| format!("data A 0-3 flexible 2+\n\n  {line}\n");
    accepted(&field("B i32 v1+ = -1 ignorable")).unwrap();
    for (text, why) in [
        (field("B i32 v4+"), "outside"),
        (field("B i32 sometimes"), "expected versions"),
        (field("B i32 = null"), "default does not fit"),
        (field("B i8 = 300"), "default does not fit"),
        (field("B i32 tag 0"), "flexible versions only"),
        (field("B i32 v2+ tag 1"), "count up from 0"),
        (field("B Missing"), "not defined"),
        (field("B [A]"), "contains itself"),
        (field("  B i32"), "indented deeper"),
        (field(" B i32"), "two spaces"),
        (field("B i32\n    C i32"), "no struct"),
        (field("B [records]"), "records stand alone"),
        ("api 0 A 0 flexible 0+\n\nrequest\n\nresponse\n".to_owned(), "listeners"),
        ("api 1 A removed\n".to_owned(), "gap"),
        ("nonsense\n".to_owned(), "expected api"),
    ] {
        let refused = accepted(&text).unwrap_err();
        assert!(refused.contains(why), "{text:?} is refused for {refused:?}, not for {why:?}");
    }
}
