//! Options the way Kafka's tools take them (jopt-simple): `--name value`, `--name=value`, any
//! unambiguous abbreviation, options in any order, some of them several times.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

use super::ToolError;

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    MaybeValue,
}

#[derive(Clone, Debug)]
struct Opt {
    name: &'static str,
    takes: Takes,
    /// What the value is, for the overview.
    value: &'static str,
    help: &'static str,
}

/// The options of a tool.
#[derive(Clone, Debug)]
pub struct Spec {
    about: &'static str,
    options: Vec<Opt>,
    /// Letters that stand for options.
    letters: Vec<(&'static str, &'static str)>,
    help: Help,
}

/// What a tool does when it is asked for help. Kafka's tools have two parsers, with habits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// jopt-simple: on standard error, as if that were a mistake; also without any argument.
    Complaint,
    /// argparse4j: on standard output with this exit code, and perhaps with another one when there
    /// is no argument at all.
    Answer { code: u8, without_arguments: Option<u8> },
}

/// What stood on the command line.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    values: BTreeMap<&'static str, Vec<Option<String>>>,
    /// What is no option.
    pub rest: Vec<String>,
}

impl Spec {
    /// No options but `--help` and `--version`.
    pub fn new(about: &'static str) -> Self {
        let (options, letters) = (Vec::new(), Vec::new());
        let spec = Self { about, options, letters, help: Help::Complaint };
        spec.flag("help", "Print usage information.").flag("version", "Display the version.")
    }

    /// Answers requests for help on standard output, and knows no `--version`.
    pub fn answers_help(mut self, code: u8, without_arguments: Option<u8>) -> Self {
        self.help = Help::Answer { code, without_arguments };
        self.options.retain(|option| option.name != "version");
        self
    }

    /// An option without a value.
    pub fn flag(self, name: &'static str, help: &'static str) -> Self {
        self.with(name, Takes::Nothing, "", help)
    }

    /// An option with a value.
    pub fn value(self, name: &'static str, value: &'static str, help: &'static str) -> Self {
        self.with(name, Takes::Value, value, help)
    }

    /// An option that may have a value.
    pub fn maybe(self, name: &'static str, value: &'static str, help: &'static str) -> Self {
        self.with(name, Takes::MaybeValue, value, help)
    }

    /// `-c` for `--command-config`.
    pub fn letter(mut self, letter: &'static str, option: &'static str) -> Self {
        self.letters.push((letter, option));
        self
    }

    /// The options that every tool has that talks to a cluster.
    pub fn cluster(self) -> Self {
        self.value("bootstrap-server", "servers", "REQUIRED: host:port,host:port to connect to.")
            .value("command-config", "file", "Property file with settings of the client.")
    }

    fn with(
        mut self,
        name: &'static str,
        takes: Takes,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        self.options.push(Opt { name, takes, value, help });
        self
    }

    pub fn about(&self) -> &'static str {
        self.about
    }

    pub fn help_style(&self) -> Help {
        self.help
    }

    /// Reads a command line; the error says what is wrong with it.
    pub fn parse(&self, args: &[String]) -> Result<Parsed, String> {
        let mut parsed = Parsed::default();
        let mut args = args.iter().peekable();
        while let Some(arg) = args.next() {
            if arg == "--" {
                parsed.rest.extend(args.cloned());
                break;
            }
            let Some(word) = arg.strip_prefix('-').filter(|word| !word.is_empty()) else {
                parsed.rest.push(arg.clone());
                continue;
            };
            let word = word.strip_prefix('-').unwrap_or(word);
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word, None),
            };
            let option = self.find(name)?;
            let follows = |next: &&String| !next.starts_with("--");
            let value = match option.takes {
                Takes::Nothing => None,
                Takes::Value => match inline.or_else(|| args.next().cloned()) {
                    Some(value) => Some(value),
                    None => return Err(format!("Option {} requires an argument", option.name)),
                },
                Takes::MaybeValue => inline.or_else(|| args.next_if(follows).cloned()),
            };
            parsed.values.entry(option.name).or_default().push(value);
        }
        Ok(parsed)
    }

    fn find(&self, name: &str) -> Result<&Opt, String> {
        let of_letter = self.letters.iter().find(|(letter, _)| *letter == name);
        let name = of_letter.map_or(name, |(_, option)| option);
        if let Some(exact) = self.options.iter().find(|option| option.name == name) {
            return Ok(exact);
        }
        let mut candidates = self.options.iter().filter(|option| option.name.starts_with(name));
        match (candidates.next(), candidates.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(format!("{name} is not a recognized option")),
        }
    }

    /// All options in two columns.
    pub fn help(&self) -> String {
        const LEFT: usize = 41;
        const RIGHT: usize = 40;
        let mut options: Vec<&Opt> = self.options.iter().collect();
        options.sort_by_key(|option| option.name);
        let mut text =
            format!("{:LEFT$}{}\n{:LEFT$}{}\n", "Option", "Description", "------", "-----------");
        for option in options {
            let left = match option.takes {
                Takes::Nothing => format!("--{}", option.name),
                Takes::Value => format!("--{} <{}>", option.name, option.value),
                Takes::MaybeValue => format!("--{} [{}]", option.name, option.value),
            };
            let mut left = wrap(&left, LEFT - 2).into_iter();
            let mut right = wrap(option.help, RIGHT - 2).into_iter();
            loop {
                let (l, r) = (left.next(), right.next());
                if l.is_none() && r.is_none() {
                    break;
                }
                let (l, r) = (l.unwrap_or_default(), r.unwrap_or_default());
                // writing to a String cannot fail
                let _ = writeln!(text, "{}", format!("{l:LEFT$}{r}").trim_end());
            }
        }
        text
    }
}

/// Lines of at most `width`, the second and later ones indented by two.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

impl Parsed {
    /// The options that are there, by name.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.values.keys().copied()
    }

    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The last value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last()?.as_deref()
    }

    /// All values of an option.
    pub fn all<'p>(&'p self, name: &str) -> impl Iterator<Item = &'p str> + use<'p> {
        self.values.get(name).into_iter().flatten().filter_map(Option::as_deref)
    }

    /// The values of an option, separated by commas or by repetition.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.all(name).flat_map(|value| value.split(','));
        values.map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
    }

    /// The value of an option that must be there.
    pub fn require(&self, name: &str) -> Result<&str, ToolError> {
        let missing = || ToolError::Usage(format!("Missing required argument \"[{name}]\""));
        self.get(name).ok_or_else(missing)
    }

    /// The value as a number.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ToolError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |_| {
            let kind = std::any::type_name::<T>();
            ToolError::Usage(format!("Cannot parse argument '{text}' of option {name} as {kind}"))
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// Refuses two options that contradict each other.
    pub fn exclude(&self, name: &str, others: &[&str]) -> Result<(), ToolError> {
        match others.iter().find(|other| self.has(name) && self.has(other)) {
            Some(other) => {
                let what = format!("Option \"[{name}]\" can't be used with option \"[{other}]\"");
                Err(ToolError::Usage(what))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec::new("tests")
            .flag("list", "x")
            .value("topic", "t", "x")
            .value("topic-id", "i", "x")
            .maybe("state", "s", "x")
            .letter("t", "topic")
    }

    fn parse(line: &str) -> Result<Parsed, String> {
        spec().parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_taken_as_jopt_simple_takes_them() {
        let parsed = parse("--li --topic a --topic=b=c file --state --list").expect("valid");
        assert!(parsed.has("list"));
        assert_eq!(parsed.all("topic").collect::<Vec<_>>(), ["a", "b=c"]);
        assert_eq!((parsed.has("state"), parsed.get("state")), (true, None));
        assert_eq!(parsed.rest, ["file"]);
        assert_eq!(parse("--state Stable").expect("valid").get("state"), Some("Stable"));
        assert_eq!(parse("-t a").expect("valid").get("topic"), Some("a"));
        assert_eq!(parse("--topic -1").expect("valid").get("topic"), Some("-1"));
    }

    #[test]
    fn wrong_options_are_refused() {
        for (line, wrong) in [
            ("--bogus", "bogus is not a recognized option"),
            ("--topi a", "topi is not a recognized option"),
            ("--topic", "Option topic requires an argument"),
        ] {
            assert_eq!(parse(line).err().as_deref(), Some(wrong));
        }
    }
}
