//! What Kafka's tools share: taking options, printing tables, reaching a cluster.

pub mod connect;
pub mod feature_levels;
pub mod internal_records;
pub mod java_double;
pub mod java_order;
pub mod json_object;
pub mod lines;
pub mod options;
pub mod payload;
pub mod stats;
pub mod table;
pub mod throttle;
pub mod time;
pub mod topics;

use std::future::Future;
use std::process::ExitCode;

use options::{Help, Parsed, Spec};

/// Why a tool ends without having done its work.
#[derive(Debug)]
pub enum ToolError {
    /// The command line is wrong: the message and all options go to standard error.
    Usage(String),
    /// The work failed: the message goes to standard error.
    Failed(String),
    /// As `Failed`, on standard output, where Kafka's tool says it there.
    FailedAloud(String),
    /// As `Failed`, before there was a client: no tool adds to it.
    NoClient(String),
    /// Everything that is to be said has been said.
    Silent,
}

impl From<client::Error> for ToolError {
    fn from(error: client::Error) -> Self {
        Self::Failed(text_of(&error))
    }
}

impl From<std::io::Error> for ToolError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What a broker said, or else what we say: Kafka's tools print the broker's words alone.
pub fn text_of(error: &client::Error) -> String {
    match error {
        client::Error::Broker { message: Some(text), .. } => text.clone(),
        client::Error::Broker { code, message: None } => meaning(*code).to_owned(),
        other => other.to_string(),
    }
}

/// What Java's clients say of the codes that tools meet without an explanation of the broker's.
fn meaning(code: types::ErrorCode) -> &'static str {
    use types::ErrorCode;
    match code {
        ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        ErrorCode::OffsetOutOfRange => {
            "The requested offset is not within the range of offsets maintained by the server."
        }
        ErrorCode::GroupIdNotFound => "The group id does not exist.",
        ErrorCode::NonEmptyGroup => "The group is not empty.",
        ErrorCode::GroupSubscribedToTopic => {
            "Deleting offsets of a topic is forbidden while the consumer group is actively \
             subscribed to it."
        }
        ErrorCode::UnsupportedVersion => "The version of API is not supported.",
        ErrorCode::InvalidTopicException => {
            "The request attempted to perform an operation on an invalid topic."
        }
        ErrorCode::PolicyViolation => "Request parameters do not satisfy the configured policy.",
        ErrorCode::LeaderNotAvailable => {
            "There is no leader for this topic-partition as we are in the middle of a leadership \
             election."
        }
        other => other.name(),
    }
}

pub type Done = Result<(), ToolError>;

/// What a shell makes of SIGPIPE.
const READER_GONE: i32 = 141;

/// Ends the tool where its reader has seen enough, as `head` has: that is no fault of anybody's.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to std") && text.contains("Broken pipe") {
            std::process::exit(READER_GONE);
        }
        usual(panic);
    }));
}

/// Parses the arguments and runs the tool, with Kafka's exit codes.
pub fn run(spec: &Spec, args: &[String], work: impl FnOnce(&Parsed) -> Done) -> ExitCode {
    end_with_the_reader();
    let parsed = match spec.parse(args) {
        Ok(parsed) => parsed,
        Err(wrong) => return finish(spec, Err(ToolError::Usage(wrong))),
    };
    if parsed.has("help") || args.is_empty() {
        let code = match spec.help_style() {
            Help::Complaint => return finish(spec, Err(ToolError::Usage(spec.about().to_owned()))),
            Help::Answer { code, .. } if parsed.has("help") => Some(code),
            Help::Answer { without_arguments, .. } => without_arguments,
        };
        if let Some(code) = code {
            print!("{}\n{}", spec.about(), spec.help());
            return ExitCode::from(code);
        }
    }
    if parsed.has("version") {
        println!("klamm {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    finish(spec, work(&parsed))
}

fn finish(spec: &Spec, done: Done) -> ExitCode {
    match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(ToolError::Usage(wrong)) => eprint!("{wrong}\n{}", spec.help()),
        Err(ToolError::Failed(why) | ToolError::NoClient(why)) => eprintln!("{why}"),
        Err(ToolError::FailedAloud(why)) => println!("{why}"),
        Err(ToolError::Silent) => {}
    }
    ExitCode::FAILURE
}

/// Runs the asynchronous part of a tool on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, ToolError>>) -> Result<T, ToolError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Kafka's tools say on standard output what they would rather not be told.
pub fn deprecated(options: &Parsed, old: &str, instead: &str) {
    if options.has(old) {
        println!(
            "Option --{old} has been deprecated and will be removed in a future version. Use \
             --{instead} instead."
        );
    }
}

/// The error as Java's clients would print it: `org.apache.kafka.common.errors.…Exception: …`.
pub fn exception(error: &client::Error) -> String {
    format!("{}: {}", exception_class(error.code()), text_of(error))
}

/// Named for the code, with few exceptions.
fn exception_class(code: types::ErrorCode) -> String {
    use types::ErrorCode;
    let name = match code {
        ErrorCode::RequestTimedOut => "Timeout".to_owned(),
        ErrorCode::UnknownServerError => "UnknownServer".to_owned(),
        ErrorCode::CorruptMessage => "CorruptRecord".to_owned(),
        ErrorCode::MessageTooLarge => "RecordTooLarge".to_owned(),
        ErrorCode::RecordListTooLarge => "RecordBatchTooLarge".to_owned(),
        other => {
            let mut name = String::new();
            for word in other.name().split('_') {
                let (first, rest) = word.split_at(word.len().min(1));
                name.push_str(first);
                name.push_str(&rest.to_ascii_lowercase());
            }
            name.strip_suffix("Exception").unwrap_or(&name).to_owned()
        }
    };
    format!("org.apache.kafka.common.errors.{name}Exception")
}

/// Becomes ready when the user or the system asks the tool to end.
pub async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
