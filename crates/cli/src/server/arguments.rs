//! What stands behind `klamm server`: the words of `kafka-server-start`, and a few of our own.

use metadata::config::Assignments;

/// The text of `--help`.
pub const USAGE: &str = "\
usage: klamm [server] [FILE] [OPTIONS]

Runs a broker, a controller or both, as FILE says, a server.properties of Kafka.
Without FILE: both, for clients on localhost:9092.

  --override KEY=VALUE    set a key over the file; may stand several times
  --data-dir DIRECTORY    keep data there [default: $KLAMM_DATA, or ~/.local/share/klamm]
  --log-format FORMAT     text or json [default: text]
  -h, --help              print this

KLAMM_LOG sets which log lines are shown [default: info], as in KLAMM_LOG=broker=debug,info.
";

/// What was asked for.
#[derive(Debug)]
pub enum Wish {
    Run(Arguments),
    Help,
}

/// How to run.
#[derive(Debug, Default)]
pub struct Arguments {
    pub file: Option<String>,
    pub overrides: Assignments,
    pub data_dir: Option<String>,
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Reads the words after `klamm server`; the refusal is a sentence.
pub fn parse(args: &[String]) -> Result<Wish, String> {
    let mut arguments = Arguments::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            Some(_) | None => (word.as_str(), None),
        };
        let mut value = |what: &str| {
            let next = attached.clone().or_else(|| words.next().cloned());
            next.ok_or_else(|| format!("{name} needs {what}"))
        };
        match name {
            "-h" | "--help" => return Ok(Wish::Help),
            "--override" => {
                let pair = value("KEY=VALUE")?;
                let (key, value) =
                    pair.split_once('=').ok_or_else(|| format!("{pair} is not KEY=VALUE"))?;
                arguments.overrides.insert(key.trim().into(), value.into());
            }
            "--data-dir" => arguments.data_dir = Some(value("a directory")?),
            "--log-format" => {
                arguments.log_format = match value("text or json")?.as_str() {
                    "text" => LogFormat::Text,
                    "json" => LogFormat::Json,
                    other => return Err(format!("the log format is text or json, not {other}")),
                };
            }
            option if option.starts_with('-') => return Err(format!("there is no {option}")),
            file if arguments.file.is_none() => arguments.file = Some(file.to_owned()),
            second => return Err(format!("there is one FILE, and {second} is a second one")),
        }
    }
    Ok(Wish::Run(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Wish, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn words_of_kafka_server_start_are_understood() {
        let line = "server.properties --override a=b=c --override=d=e --log-format json";
        let Ok(Wish::Run(arguments)) = read(line) else { panic!("refused") };
        assert_eq!(arguments.file.as_deref(), Some("server.properties"));
        assert_eq!(arguments.overrides.get("a").map(|value| &**value), Some("b=c"));
        assert_eq!(arguments.overrides.get("d").map(|value| &**value), Some("e"));
        assert_eq!(arguments.log_format, LogFormat::Json);
        assert!(matches!(read("--help"), Ok(Wish::Help)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (line, words) in [
            ("a b", "b is a second one"),
            ("--override a", "a is not KEY=VALUE"),
            ("--override", "--override needs KEY=VALUE"),
            ("--log-format xml", "not xml"),
            ("--verbose", "there is no --verbose"),
        ] {
            let refusal = read(line).expect_err(line);
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
