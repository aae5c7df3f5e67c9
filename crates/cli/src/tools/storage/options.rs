//! The words of `kafka-storage`.

use clap::{Arg, ArgAction, ArgGroup, Command};

/// The whole command line.
pub fn command() -> Command {
    Command::new("kafka-storage")
        .about("Formats log directories and looks at them")
        .subcommand_required(true)
        .subcommand(
            Command::new("info").about("Tell about the log directories of this node").arg(config()),
        )
        .subcommand(format())
        .subcommand(
            Command::new("version-mapping")
                .about("Show the level of every feature in a release, the latest if none is named")
                .arg(
                    Arg::new("release-version")
                        .long("release-version")
                        .short('r')
                        .help("Release, as 4.4-IV2 or 4.4"),
                ),
        )
        .subcommand(
            Command::new("feature-dependencies")
                .about("Show what levels of features need")
                .arg(feature().required(true)),
        )
        .subcommand(Command::new("random-uuid").about("Print a random id for a cluster"))
}

fn format() -> Command {
    let flag = |name: &'static str, short: char, help: &'static str| {
        Arg::new(name).long(name).short(short).action(ArgAction::SetTrue).help(help)
    };
    let value = |name: &'static str, short: char, help: &'static str| {
        Arg::new(name).long(name).short(short).help(help)
    };
    Command::new("format")
        .about("Format the log directories of this node")
        .arg(config())
        .arg(value("cluster-id", 't', "Id of the cluster, as random-uuid prints it").required(true))
        .arg(
            value(
                "add-scram",
                'S',
                "Credential to begin with, as 'SCRAM-SHA-256=[name=alice,password=secret]'",
            )
            .action(ArgAction::Append),
        )
        .arg(flag("ignore-formatted", 'g', "Skip directories that are formatted already"))
        .arg(value("release-version", 'r', "Release that sets the levels, 3.3-IV3 to 4.4-IV2"))
        .arg(feature())
        .arg(flag("standalone", 's', "This controller is the only voter"))
        .arg(flag("no-initial-controllers", 'N', "This node joins voters that exist"))
        .arg(value(
            "initial-controllers",
            'I',
            "Voters, as id@host:port:directory-id, separated by commas",
        ))
        .group(ArgGroup::new("quorum").args([
            "standalone",
            "no-initial-controllers",
            "initial-controllers",
        ]))
}

fn config() -> Arg {
    Arg::new("config").long("config").short('c').required(true).help("The server.properties")
}

fn feature() -> Arg {
    Arg::new("feature")
        .long("feature")
        .short('f')
        .action(ArgAction::Append)
        .help("Feature and level, as group.version=1")
}
