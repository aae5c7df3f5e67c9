//! The one binary: server and every tool, chosen by its own name or by its first argument.

mod configuration;
mod server;
mod tools;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut words = Vec::new();
    for word in std::env::args_os() {
        match word.into_string() {
            Ok(word) => words.push(word),
            Err(word) => {
                eprintln!("klamm: argument {} is not UTF-8", word.display());
                return ExitCode::FAILURE;
            }
        }
    }
    let name = words.first().map_or("klamm", |path| called_as(path));
    if let Some(tool) = tools::find(name) {
        return (tool.run)(&words[1..]);
    }
    match words.get(1).map(String::as_str) {
        Some("-h" | "--help" | "help") => {
            print!("{}", tools::usage());
            ExitCode::SUCCESS
        }
        Some("-V" | "--version") => {
            println!("klamm {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        // without a command it is the server, with or without its options
        None => server::run(&[]),
        Some(word) if word.starts_with('-') => server::run(&words[1..]),
        Some(word) => match tools::find(called_as(word)) {
            Some(tool) => (tool.run)(&words[2..]),
            None => unknown(word),
        },
    }
}

/// The command that a path or a word names: `/opt/bin/kafka-topics.sh` is `kafka-topics`.
fn called_as(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".sh").unwrap_or(file)
}

fn unknown(word: &str) -> ExitCode {
    eprintln!("klamm: there is no command {word}; these are the commands:\n");
    eprint!("{}", tools::usage());
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_script_name_names_its_tool() {
        for (path, name) in [
            ("/usr/local/bin/kafka-topics.sh", "kafka-topics"),
            ("kafka-storage", "kafka-storage"),
            ("./klamm", "klamm"),
            ("", ""),
        ] {
            assert_eq!(called_as(path), name);
        }
    }
}
