//! Reads the notation of `spec/` (its grammar stands in `spec/README.md`).

use crate::schema::{Api, Field, Kind, Message, Preset, Scalar, Spec, Struct, Type, Versions};

/// A line without its indentation.
#[derive(Clone)]
struct Line<'s> {
    number: usize,
    depth: usize,
    words: Vec<&'s str>,
}

/// What a message line says after its name: versions and the first flexible one.
#[derive(Clone, Copy)]
struct Range {
    versions: Versions,
    flexible_from: Option<i16>,
}

struct Cursor<'s> {
    lines: Vec<Line<'s>>,
    next: usize,
}

type Parsed<T> = Result<T, String>;

/// Parses one file; an error names the line.
pub fn parse(family: &str, text: &str) -> Parsed<Spec> {
    let mut cursor = Cursor { lines: lines(text)?, next: 0 };
    let head = cursor.take().ok_or("the file is empty")?;
    let mut spec = Spec { family: family.to_owned(), ..Spec::default() };
    match head.words.as_slice() {
        ["api", key, name, "removed"] => spec.api = Some(removed(number(key, head.number)?, name)),
        ["api", key, name, rest @ ..] => {
            let api = api(number(key, head.number)?, name, rest, head.number)?;
            let range = Range {
                versions: api.versions.ok_or("an API without versions")?,
                flexible_from: api.flexible_from,
            };
            for (word, kind) in [("request", Kind::Request), ("response", Kind::Response)] {
                cursor.expect(word)?;
                let full = format!("{name}{}", capital(word));
                spec.messages.push(cursor.message(full, kind, Some(api.key), range)?);
            }
            spec.api = Some(api);
        }
        ["pair", id, name] => {
            let id = number(id, head.number)?;
            for (word, kind) in [("key", Kind::Key), ("value", Kind::Value)] {
                let range = cursor.section(word)?;
                let full = format!("{name}{}", capital(word));
                spec.messages.push(cursor.message(full, kind, Some(id), range)?);
            }
        }
        ["record", id, name, rest @ ..] => {
            let (id, range) = (number(id, head.number)?, range(rest, head.number)?);
            spec.messages.push(cursor.message(
                (*name).to_owned(),
                Kind::Record,
                Some(id),
                range,
            )?);
        }
        [word @ ("data" | "header"), name, rest @ ..] => {
            let kind = if *word == "data" { Kind::Data } else { Kind::Header };
            let range = range(rest, head.number)?;
            spec.messages.push(cursor.message((*name).to_owned(), kind, None, range)?);
        }
        _ => return Err(at(head.number, "expected api, pair, record, data or header")),
    }
    match cursor.take() {
        None => Ok(spec),
        Some(line) => Err(at(line.number, "nothing is expected here")),
    }
}

impl<'s> Cursor<'s> {
    fn take(&mut self) -> Option<Line<'s>> {
        let line = self.lines.get(self.next).cloned();
        self.next += usize::from(line.is_some());
        line
    }

    fn peek(&self) -> Option<(usize, &[&'s str])> {
        self.lines.get(self.next).map(|line| (line.depth, line.words.as_slice()))
    }

    fn expect(&mut self, word: &str) -> Parsed<()> {
        match self.take() {
            Some(line) if line.words == [word] => Ok(()),
            Some(line) => Err(at(line.number, &format!("expected {word}"))),
            None => Err(format!("expected {word} before the end of the file")),
        }
    }

    /// `key 0` or `value 0-4 flexible 4+`.
    fn section(&mut self, word: &str) -> Parsed<Range> {
        let line = self.take().ok_or_else(|| format!("expected {word}"))?;
        match line.words.as_slice() {
            [first, rest @ ..] if *first == word => range(rest, line.number),
            _ => Err(at(line.number, &format!("expected {word}"))),
        }
    }

    fn message(
        &mut self,
        name: String,
        kind: Kind,
        id: Option<i16>,
        range: Range,
    ) -> Parsed<Message> {
        let Range { versions, flexible_from } = range;
        let mut structs = Vec::new();
        self.fields(name.clone(), versions, 1, &mut structs)?;
        while let Some((0, ["struct", shared, rest @ ..])) = self.peek() {
            let (shared, rest) = ((*shared).to_owned(), rest.to_vec());
            let line = self.lines[self.next].number;
            self.next += 1;
            let own = match rest.as_slice() {
                [] => versions,
                [word] => bounds(word, versions, line)?,
                _ => return Err(at(line, "expected: struct NAME [vN+]")),
            };
            self.fields(shared, own, 1, &mut structs)?;
        }
        Ok(Message { name, kind, id, versions, flexible_from, structs })
    }

    /// The fields of one struct, then those of the structs nested in it.
    fn fields(
        &mut self,
        name: String,
        versions: Versions,
        depth: usize,
        structs: &mut Vec<Struct>,
    ) -> Parsed<()> {
        let place = structs.len();
        structs.push(Struct { name, versions, fields: Vec::new() });
        while let Some(line) = self.lines.get(self.next).filter(|line| line.depth >= depth) {
            if line.depth > depth {
                return Err(at(line.number, "indented deeper than the line above allows"));
            }
            let field = field(line, versions)?;
            self.next += 1;
            if self.peek().is_some_and(|(below, _)| below > depth) {
                let nested = field.ty.struct_name().ok_or("fields below a field of no struct")?;
                self.fields(nested.to_owned(), field.versions, depth + 1, structs)?;
            }
            structs[place].fields.push(field);
        }
        Ok(())
    }
}

fn lines(text: &str) -> Parsed<Vec<Line<'_>>> {
    let mut out = Vec::new();
    for (i, raw) in text.lines().enumerate() {
        let body = raw.trim_start_matches(' ');
        let indent = raw.len() - body.len();
        if body.is_empty() {
            continue;
        }
        if indent % 2 != 0 || body.contains('\t') {
            return Err(at(i + 1, "indent by two spaces a level"));
        }
        let words = body.split(' ').filter(|word| !word.is_empty()).collect();
        out.push(Line { number: i + 1, depth: indent / 2, words });
    }
    Ok(out)
}

fn removed(key: i16, name: &str) -> Api {
    Api {
        key,
        name: name.to_owned(),
        versions: None,
        flexible_from: None,
        latest_unstable: false,
        broker: false,
        controller: false,
    }
}

fn api(key: i16, name: &str, words: &[&str], line: usize) -> Parsed<Api> {
    let split = words.iter().position(|word| *word == "on").ok_or("an API needs its listeners")?;
    let (mut before, listeners) = (&words[..split], &words[split + 1..]);
    let latest_unstable = before.last() == Some(&"unstable");
    if latest_unstable {
        before = &before[..before.len() - 1];
    }
    let range = range(before, line)?;
    if listeners.iter().any(|word| !["broker", "controller"].contains(word)) {
        return Err(at(line, "a listener is broker or controller"));
    }
    Ok(Api {
        key,
        name: name.to_owned(),
        versions: Some(range.versions),
        flexible_from: range.flexible_from,
        latest_unstable,
        broker: listeners.contains(&"broker"),
        controller: listeners.contains(&"controller"),
    })
}

fn range(words: &[&str], line: usize) -> Parsed<Range> {
    let (versions, flexible_from) = match words {
        [versions] => (*versions, None),
        [versions, "flexible", from] => {
            let from = from.strip_suffix('+').ok_or_else(|| at(line, "expected flexible N+"))?;
            (*versions, Some(number(from, line)?))
        }
        _ => return Err(at(line, "expected: VERSIONS [flexible N+]")),
    };
    let versions = bounds(&format!("v{versions}"), Versions { min: 0, max: i16::MAX }, line)?;
    Ok(Range { versions, flexible_from })
}

/// `v3`, `v3-5` or `v3+`, which must lie within `outer`.
fn bounds(word: &str, outer: Versions, line: usize) -> Parsed<Versions> {
    let word = word.strip_prefix('v').ok_or_else(|| at(line, "expected versions as v3+"))?;
    let versions = if let Some(min) = word.strip_suffix('+') {
        Versions { min: number(min, line)?, max: outer.max }
    } else if let Some((min, max)) = word.split_once('-') {
        Versions { min: number(min, line)?, max: number(max, line)? }
    } else {
        Versions { min: number(word, line)?, max: number(word, line)? }
    };
    if !versions.within(outer) {
        return Err(at(line, &format!("versions {word} lie outside of those around them")));
    }
    Ok(versions)
}

fn field(line: &Line<'_>, outer: Versions) -> Parsed<Field> {
    let [name, ty, rest @ ..] = line.words.as_slice() else {
        return Err(at(line.number, "expected: NAME TYPE [words]"));
    };
    let (ty, null_versions) = match ty.split_once('?') {
        None => (*ty, None),
        Some((ty, versions)) => (ty, Some(versions)),
    };
    let mut field = Field {
        name: (*name).to_owned(),
        ty: type_of(ty),
        versions: outer,
        nullable: None,
        tag: None,
        preset: Preset::Natural,
        ignorable: false,
        key: false,
        noncompact: false,
        entity: None,
    };
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let missing = || at(line.number, &format!("{word} needs a value"));
        match *word {
            "tag" => field.tag = Some(number(words.next().ok_or_else(missing)?, line.number)?),
            "=" => field.preset = preset(words.next().ok_or_else(missing)?, line.number)?,
            "ignorable" => field.ignorable = true,
            "key" => field.key = true,
            "noncompact" => field.noncompact = true,
            entity if entity.starts_with('@') => field.entity = Some(entity[1..].to_owned()),
            versions => field.versions = bounds(versions, outer, line.number)?,
        }
    }
    field.nullable = match null_versions {
        None => None,
        Some("") => Some(field.versions),
        Some(word) => Some(bounds(word, field.versions, line.number)?),
    };
    Ok(field)
}

fn type_of(word: &str) -> Type {
    if let Some(element) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Type::Array(Box::new(type_of(element)));
    }
    Type::Scalar(match word {
        "bool" => Scalar::Bool,
        "i8" => Scalar::I8,
        "i16" => Scalar::I16,
        "u16" => Scalar::U16,
        "i32" => Scalar::I32,
        "u32" => Scalar::U32,
        "i64" => Scalar::I64,
        "f64" => Scalar::F64,
        "uuid" => Scalar::Uuid,
        "str" => Scalar::Str,
        "bytes" => Scalar::Bytes,
        "records" => Scalar::Records,
        name => return Type::Struct(name.to_owned()),
    })
}

fn preset(word: &str, line: usize) -> Parsed<Preset> {
    Ok(match word {
        "null" => Preset::Null,
        "true" => Preset::True,
        digits => Preset::Int(number(digits, line)?),
    })
}

fn number<T: std::str::FromStr>(word: &str, line: usize) -> Parsed<T> {
    word.parse().map_err(|_| at(line, &format!("{word} is no number that fits here")))
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn at(line: usize, what: &str) -> String {
    format!("line {line}: {what}")
}
