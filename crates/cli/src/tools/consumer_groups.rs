//! `klamm groups`, `kafka-consumer-groups`: lists, describes, resets and deletes consumer groups.

mod describe;
mod offsets;
mod reset;

use std::process::ExitCode;

use client::Admin;

use super::support::java_order;
use super::support::options::{Parsed, Spec};
use super::support::table::Table;
use super::support::{Done, ToolError, block_on, connect, exception, run as run_tool};

const ACTIONS: [&str; 6] =
    ["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];

fn spec() -> Spec {
    let about = "This tool helps to list all consumer groups, describe a consumer group, delete \
                 consumer group info, or reset consumer group offsets.";
    Spec::new(about)
        .cluster()
        .flag("list", "List all consumer groups.")
        .flag("describe", "Describe groups and their lag.")
        .flag("delete", "Delete groups.")
        .flag("reset-offsets", "Reset offsets of groups; see --dry-run and --execute.")
        .flag("delete-offsets", "Delete offsets of a group.")
        .value("validate-regex", "regex", "Check a regular expression.")
        .value("group", "group", "The consumer group; may be repeated.")
        .flag("all-groups", "All consumer groups.")
        .value("topic", "topic", "A topic, or topic:0,1 with partitions; may be repeated.")
        .flag("all-topics", "All topics of the group.")
        .maybe("state", "states", "With --describe: the state. With --list: of these states.")
        .maybe("type", "types", "With --list: the type, of these types.")
        .flag("members", "Describe members.")
        .flag("offsets", "Describe offsets (default).")
        .flag("verbose", "Describe in more detail.")
        .flag("execute", "Execute the reset.")
        .flag("dry-run", "Show the reset and do nothing (default).")
        .flag("export", "Show the reset as CSV.")
        .value("from-file", "file", "Reset to the offsets in a CSV file.")
        .value("to-offset", "offset", "Reset to this offset.")
        .value("to-datetime", "YYYY-MM-DDThh:mm:ss.sss", "Reset to the offset at this time.")
        .value("by-duration", "PnDTnHnMnS", "Reset to the offset that long ago.")
        .flag("to-earliest", "Reset to the earliest offset.")
        .flag("to-latest", "Reset to the latest offset.")
        .flag("to-current", "Reset to the current offset.")
        .value("shift-by", "n", "Reset by n records, forth or back.")
        .value("timeout", "ms", "How long to wait for the cluster (5000).")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
            let what = format!(
                "Command must include exactly one action: {}",
                ACTIONS.map(|action| format!("--{action}")).join(", ")
            );
            return Err(ToolError::Usage(what));
        }
        if let Some(pattern) = options.get("validate-regex") {
            return validate_regex(pattern);
        }
        check(options)?;
        let done = block_on(async {
            let admin = connect::admin(options)?;
            if options.has("list") {
                list(&admin, options).await
            } else if options.has("describe") {
                describe::describe(&admin, options).await
            } else if options.has("delete") {
                delete(&admin, options).await
            } else if options.has("reset-offsets") {
                reset::reset(&admin, options).await
            } else {
                offsets::delete(&admin, options).await
            }
        });
        match done {
            // as Kafka's tool, which reports on standard output and ends well
            Err(ToolError::Failed(why)) => {
                println!("\nError: Executing consumer group command failed due to {why}");
                Ok(())
            }
            Err(ToolError::NoClient(why)) => {
                let what = "Failed to create new KafkaAdminClient";
                println!("\nError: Executing consumer group command failed due to {what}");
                eprintln!("{why}");
                Ok(())
            }
            done => done,
        }
    })
}

fn check(options: &Parsed) -> Done {
    let wrong = |what: String| Err(ToolError::Usage(what));
    let grouped = options.has("group") || options.has("all-groups");
    let action = ACTIONS.into_iter().find(|action| options.has(action)).unwrap_or_default();
    if options.has("group") && options.has("all-groups") {
        return wrong(format!(
            "Option [{action}] takes at most one of these options: [all-groups], [group]"
        ));
    }
    if matches!(action, "describe" | "delete" | "reset-offsets") && !grouped {
        return wrong(format!(
            "Option [{action}] takes one of these options: [all-groups], [group]"
        ));
    }
    let views = ["members", "offsets", "state"];
    if action == "describe" && views.iter().filter(|view| options.has(view)).count() > 1 {
        let what = "takes at most one of these options: [members], [offsets], [state]";
        return wrong(format!("Option [describe] {what}"));
    }
    if action == "delete-offsets" && !(options.has("group") && options.has("topic")) {
        return wrong("Option [delete-offsets] takes these options: [group], [topic]".into());
    }
    if action == "reset-offsets" {
        options.exclude("dry-run", &["execute"])?;
        let scopes = ["topic", "all-topics", "from-file"];
        if !scopes.iter().any(|scope| options.has(scope)) {
            let what = "Option [reset-offsets] takes one of these options: [all-topics], [from-file], [topic]";
            return wrong(what.into());
        }
    }
    Ok(())
}

/// The groups that are meant: those of `--group`, or all consumer groups.
async fn groups(admin: &Admin, options: &Parsed) -> Result<Vec<String>, ToolError> {
    if !options.has("all-groups") {
        return Ok(options.all("group").map(str::to_owned).collect());
    }
    let all = admin.list_groups(&[], &[]).await.map_err(failed)?;
    Ok(all.into_iter().filter(is_for_consumers).map(|group| group.id).collect())
}

fn is_for_consumers(group: &client::admin::GroupListing) -> bool {
    group.kind == "Consumer" || group.protocol_type == "consumer" || group.protocol_type.is_empty()
}

fn failed(error: client::Error) -> ToolError {
    ToolError::Failed(exception(&error))
}

/// What a consumer group's state may be, in the order of Kafka's tool.
const STATES: [&str; 7] = [
    "Assigning",
    "Stable",
    "Reconciling",
    "CompletingRebalance",
    "Empty",
    "Dead",
    "PreparingRebalance",
];

/// Kafka's tool leaves this much room for the longest group, which is taken for at least so long.
const GROUP_CHARS: usize = 15;
const GROUP_MARGIN: usize = 10;

fn is_state(word: &str) -> bool {
    STATES.iter().any(|state| state.eq_ignore_ascii_case(word))
}

async fn list(admin: &Admin, options: &Parsed) -> Done {
    let (states, kinds) = (options.list("state"), options.list("type"));
    if let Some(unknown) = states.iter().find(|state| !is_state(state)) {
        return Err(ToolError::Usage(format!(
            "Invalid state list '{unknown}'. Valid states are: {}",
            STATES.join(", ")
        )));
    }
    let kinds: Vec<String> = kinds.iter().map(|kind| capitalised(kind)).collect();
    let groups = admin.list_groups(&states, &kinds).await.map_err(failed)?;
    let groups = groups.into_iter().filter(is_for_consumers);
    let (with_state, with_kind) = (options.has("state"), options.has("type"));
    if !with_state && !with_kind {
        groups.for_each(|group| println!("{}", group.id));
        return Ok(());
    }
    let mut heads = vec!["GROUP"];
    heads.extend(with_kind.then_some("TYPE"));
    heads.extend(with_state.then_some("STATE"));
    let mut table = Table::new(heads);
    let mut longest = 0;
    for group in groups {
        longest = longest.max(group.id.chars().count());
        let mut cells = vec![group.id];
        cells.extend(with_kind.then(|| capitalised(&group.kind)));
        cells.extend(with_state.then_some(group.state));
        table.push(cells);
    }
    let room = longest.max(GROUP_CHARS) + GROUP_MARGIN;
    table.lines(&[room, 20, 20], false).iter().for_each(|line| println!("{line}"));
    Ok(())
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
}

async fn delete(admin: &Admin, options: &Parsed) -> Done {
    let (mut deleted, mut refused) = (Vec::new(), Vec::new());
    for group in groups(admin, options).await? {
        match admin.delete_group(&group).await {
            Ok(()) => deleted.push(group),
            Err(error) => refused.push((group, error)),
        }
    }
    java_order::sort(&mut deleted, |name| name);
    if refused.is_empty() {
        println!("Deletion of requested consumer groups ({}) was successful.", quoted(&deleted));
        return Ok(());
    }
    println!("\nError: Deletion of some consumer groups failed:");
    for (group, error) in refused {
        println!("* Group '{group}' could not be deleted due to: {}", exception(&error));
    }
    if !deleted.is_empty() {
        println!("\nThese consumer groups were deleted successfully: {}", quoted(&deleted));
    }
    Ok(())
}

fn quoted(groups: &[String]) -> String {
    groups.iter().map(|group| format!("'{group}'")).collect::<Vec<_>>().join(", ")
}

fn validate_regex(pattern: &str) -> Done {
    match regex_automata::nfa::thompson::pikevm::PikeVM::new(pattern) {
        Ok(_) => {
            println!("The regular expression `{pattern}` is valid.");
            Ok(())
        }
        Err(_) => {
            println!("The regular expression `{pattern}` is invalid: error parsing regexp.");
            Err(ToolError::Silent)
        }
    }
}
