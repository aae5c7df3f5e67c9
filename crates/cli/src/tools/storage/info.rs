//! `info`: which log directories there are, to whom they belong, and what is wrong with them.

use std::path::Path;
use std::process::ExitCode;

use clap::ArgMatches;
use log::MetaProperties;

use super::directories;
use crate::configuration;

/// Prints what is known; fails if anything is wrong.
pub fn run(args: &ArgMatches) -> Result<ExitCode, String> {
    let path = args.get_one::<String>("config").map_or("", String::as_str);
    let config = configuration::load(path)?;
    let survey = Survey::of(&directories::all(&config));
    list("Found log directory", "ies", &survey.found);
    if let Some(identity) = &survey.identity {
        println!("Found metadata: {}\n", shown(identity));
    }
    list("Found problem", "s", &survey.problems);
    Ok(if survey.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found.
#[derive(Default)]
struct Survey {
    found: Vec<String>,
    identity: Option<MetaProperties>,
    problems: Vec<String>,
}

impl Survey {
    fn of(directories: &[String]) -> Self {
        let mut survey = Self::default();
        for directory in directories {
            survey.look_at(directory);
        }
        survey
    }

    fn look_at(&mut self, directory: &str) {
        let path = Path::new(directory);
        if !path.exists() {
            return self.problems.push(format!("{directory} does not exist"));
        }
        if !path.is_dir() {
            return self.problems.push(format!("{directory} is not a directory"));
        }
        self.found.push(directory.to_owned());
        match directories::identity(directory) {
            Err(refusal) => self.problems.push(refusal),
            Ok(None) => self.problems.push(format!("{directory} is not formatted.")),
            Ok(Some(identity)) => match &self.identity {
                None => self.identity = Some(identity),
                Some(first)
                    if (&first.cluster_id, first.node_id)
                        != (&identity.cluster_id, identity.node_id) =>
                {
                    let (this, first) = (shown(&identity), shown(first));
                    self.problems.push(format!(
                        "Metadata for {directory}/meta.properties was {this}, but other \
                         directories featured {first}"
                    ));
                }
                Some(_) => {}
            },
        }
    }
}

fn list(title: &str, plural: &str, items: &[String]) {
    let title = match (items.len(), title.strip_suffix('y')) {
        (0, _) => return,
        (1, _) => title.to_owned(),
        (_, Some(stem)) => format!("{stem}{plural}"),
        (_, None) => format!("{title}{plural}"),
    };
    println!("{title}:");
    for item in items {
        println!("  {item}");
    }
    println!();
}

fn shown(identity: &MetaProperties) -> String {
    let MetaProperties { cluster_id, node_id, directory_id } = identity;
    let directory = directory_id.map(|id| format!("directory.id={id}, ")).unwrap_or_default();
    format!("{{cluster.id={cluster_id}, {directory}node.id={node_id}, version=1}}")
}
