//! `klamm dump-log`, `kafka-dump-log`: the files of a log directory in a form for people.

mod batches;
mod indexes;
mod payload;

use std::path::Path;
use std::process::ExitCode;

use super::support::options::{Parsed, Spec};
use super::support::{Done, ToolError, run as run_tool};
use payload::Decoder;

fn spec() -> Spec {
    let about = "This tool helps to parse a log file and dump its contents to the console, useful \
                 for debugging a seemingly corrupt log segment.";
    Spec::new(about)
        .value("files", "file1,file2", "REQUIRED: The data and index files to dump.")
        .flag("print-data-log", "Print the content of records.")
        .flag("deep-iteration", "Print each record, not only batches.")
        .flag("index-sanity-check", "Only check indexes.")
        .flag("verify-index-only", "Only check indexes against their logs.")
        .flag("skip-record-metadata", "Print payloads only.")
        .value("max-bytes", "size", "How much of a log to read.")
        .value("max-message-size", "size", "Has no effect.")
        .maybe("key-decoder-class", "class", "StringDecoder, LongDecoder, IntegerDecoder.")
        .maybe("value-decoder-class", "class", "StringDecoder, LongDecoder, IntegerDecoder.")
        .flag("offsets-decoder", "Records are those of __consumer_offsets.")
        .flag("transaction-log-decoder", "Records are those of __transaction_state.")
        .flag("share-group-state-decoder", "Records are those of __share_group_state.")
        .flag("cluster-metadata-decoder", "Records are those of the cluster's metadata.")
        .flag("remote-log-metadata-decoder", "Records are those of __remote_log_metadata.")
}

/// What of a log is printed.
pub struct View {
    pub deep: bool,
    pub content: bool,
    pub payload_only: bool,
    pub bytes_max: usize,
    pub decoder: Decoder,
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let files = options.require("files")?.to_owned();
        for file in files.split(',').map(str::trim) {
            println!("Dumping {file}");
            dump(Path::new(file), options, &view(options)?)?;
        }
        Ok(())
    })
}

fn view(options: &Parsed) -> Result<View, ToolError> {
    let decoder = Decoder::chosen(options)?;
    let plain = matches!(decoder, Decoder::Plain { .. });
    let content = options.has("print-data-log") || !plain;
    Ok(View {
        deep: content || options.has("deep-iteration"),
        content,
        payload_only: options.has("skip-record-metadata"),
        bytes_max: options.number("max-bytes")?.unwrap_or(usize::MAX),
        decoder,
    })
}

fn dump(path: &Path, options: &Parsed, view: &View) -> Done {
    let only_check = options.has("index-sanity-check");
    let verify = options.has("verify-index-only");
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("log") => batches::dump(path, view, batches::Kind::Log),
        Some("checkpoint") => batches::dump(path, view, batches::Kind::Snapshot),
        Some("index") => indexes::offsets(path, only_check, verify),
        Some("timeindex") => indexes::times(path, only_check, verify),
        Some("txnindex") => indexes::transactions(path),
        Some("snapshot") => indexes::producers(path),
        _ => {
            eprintln!("Ignoring unknown file {}", path.display());
            Ok(())
        }
    }
}
