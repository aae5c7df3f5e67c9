//! Kafka's own message definitions, read from the jars into the types of our notation.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::schema::{Api, Field, Kind, Message, Preset, Scalar, Struct, Type, Versions};

/// One definition: the message, or nothing for a removed API; requests also give the API's facts.
pub struct Definition {
    pub message: Option<Message>,
    pub api: Option<Api>,
}

const ALL_VERSIONS: Versions = Versions { min: 0, max: i16::MAX };

/// Every definition in Kafka's jars.
pub fn read(jars: &Path) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for entry in std::fs::read_dir(jars).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kafka-")) {
            read_jar(&path, &mut definitions);
        }
    }
    definitions
}

fn read_jar(path: &Path, definitions: &mut Vec<Definition>) {
    let mut jar = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    for i in 0..jar.len() {
        let mut file = jar.by_index(i).unwrap();
        let name = file.name().unwrap().into_owned();
        let message = name.contains("message/") || name.contains("common/metadata/");
        if message && name.ends_with(".json") {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            let plain: Vec<&str> =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            definitions.push(definition(&serde_json::from_str(&plain.join("\n")).unwrap()));
        }
    }
}

fn definition(json: &Value) -> Definition {
    let name = text(json, "name").unwrap();
    let kind = match text(json, "type").unwrap() {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "data" => Kind::Data,
        "metadata" => Kind::Record,
        "coordinator-key" => Kind::Key,
        "coordinator-value" => Kind::Value,
        other => panic!("{name} has the unknown type {other}"),
    };
    let versions = range(text(json, "validVersions").unwrap());
    let flexible = text(json, "flexibleVersions").and_then(range);
    let flexible_from = flexible.map(|flexible| flexible.min);
    let id = json["apiKey"].as_i64().map(|id| i16::try_from(id).unwrap());
    let api = (kind == Kind::Request).then(|| Api {
        key: id.unwrap(),
        name: name.strip_suffix("Request").unwrap().to_owned(),
        versions,
        flexible_from,
        latest_unstable: json["latestVersionUnstable"].as_bool().unwrap_or(false),
        broker: listens(json, "broker"),
        controller: listens(json, "controller"),
    });
    let message = versions.map(|versions| Message {
        name: name.to_owned(),
        kind,
        id,
        versions,
        flexible_from,
        structs: structs(json, name, versions),
    });
    Definition { message, api }
}

fn listens(json: &Value, listener: &str) -> bool {
    list(json, "listeners").any(|name| name == listener)
}

fn structs(json: &Value, name: &str, versions: Versions) -> Vec<Struct> {
    let mut structs = Vec::new();
    fields(json, name, versions, &mut structs);
    for shared in list(json, "commonStructs") {
        let own = clip(range(text(shared, "versions").unwrap()), versions).unwrap();
        fields(shared, text(shared, "name").unwrap(), own, &mut structs);
    }
    structs
}

fn fields(json: &Value, name: &str, versions: Versions, structs: &mut Vec<Struct>) {
    let place = structs.len();
    structs.push(Struct { name: name.to_owned(), versions, fields: Vec::new() });
    for json in list(json, "fields") {
        // a definition may keep a field whose versions are all gone
        let Some(field) = field(json, versions) else { continue };
        if json.get("fields").is_some() {
            fields(json, field.ty.struct_name().unwrap(), field.versions, structs);
        }
        structs[place].fields.push(field);
    }
}

fn field(json: &Value, outer: Versions) -> Option<Field> {
    let tagged = text(json, "taggedVersions");
    let versions = clip(range(text(json, "versions").or(tagged).unwrap()), outer)?;
    let tag = json["tag"].as_u64().map(|tag| u8::try_from(tag).unwrap());
    if let Some(tagged) = tagged {
        assert_eq!(clip(range(tagged), outer), Some(versions), "tagged in part: {json}");
    }
    let ty = type_of(text(json, "type").unwrap());
    Some(Field {
        name: text(json, "name").unwrap().to_owned(),
        preset: preset(&json["default"], &ty),
        ty,
        versions,
        nullable: text(json, "nullableVersions")
            .and_then(range)
            .and_then(|v| clip(Some(v), versions)),
        tag,
        ignorable: json["ignorable"].as_bool().unwrap_or(false),
        key: json["mapKey"].as_bool().unwrap_or(false),
        noncompact: text(json, "flexibleVersions") == Some("none"),
        entity: text(json, "entityType").map(|entity| entity_word(entity).to_owned()),
    })
}

/// Kafka gives defaults as JSON values or as text, in decimal or hexadecimal.
fn preset(json: &Value, ty: &Type) -> Preset {
    let word = match json {
        Value::String(word) => word.clone(),
        Value::Null => return Preset::Natural,
        other => other.to_string(),
    };
    match (word.as_str(), ty) {
        ("null", _) => Preset::Null,
        ("true", _) => Preset::True,
        ("false" | "", _) => Preset::Natural,
        (digits, _) => {
            let number = match digits.strip_prefix("0x") {
                Some(hex) => i64::from_str_radix(hex, 16).unwrap(),
                None => digits.parse().unwrap(),
            };
            if number == 0 { Preset::Natural } else { Preset::Int(number) }
        }
    }
}

fn type_of(word: &str) -> Type {
    if let Some(element) = word.strip_prefix("[]") {
        return Type::Array(Box::new(type_of(element)));
    }
    Type::Scalar(match word {
        "bool" => Scalar::Bool,
        "int8" => Scalar::I8,
        "int16" => Scalar::I16,
        "uint16" => Scalar::U16,
        "int32" => Scalar::I32,
        "uint32" => Scalar::U32,
        "int64" => Scalar::I64,
        "float64" => Scalar::F64,
        "uuid" => Scalar::Uuid,
        "string" => Scalar::Str,
        "bytes" => Scalar::Bytes,
        "records" => Scalar::Records,
        name => return Type::Struct(name.to_owned()),
    })
}

fn entity_word(entity: &str) -> &str {
    match entity {
        "topicName" => "topic",
        "brokerId" => "broker",
        "groupId" => "group",
        "producerId" => "producer",
        "transactionalId" => "txn",
        other => panic!("unknown entity {other}"),
    }
}

fn range(word: &str) -> Option<Versions> {
    if word == "none" {
        return None;
    }
    let number = |digits: &str| digits.parse::<i16>().unwrap();
    Some(match (word.strip_suffix('+'), word.split_once('-')) {
        (Some(min), _) => Versions { min: number(min), ..ALL_VERSIONS },
        (None, Some((min, max))) => Versions { min: number(min), max: number(max) },
        (None, None) => Versions { min: number(word), max: number(word) },
    })
}

/// What two ranges have in common.
fn clip(inner: Option<Versions>, outer: Versions) -> Option<Versions> {
    let inner = inner?;
    let (min, max) = (inner.min.max(outer.min), inner.max.min(outer.max));
    (min <= max).then_some(Versions { min, max })
}

fn text<'j>(json: &'j Value, member: &str) -> Option<&'j str> {
    json.get(member)?.as_str()
}

fn list<'j>(json: &'j Value, member: &str) -> impl Iterator<Item = &'j Value> {
    json.get(member).and_then(Value::as_array).into_iter().flatten()
}
