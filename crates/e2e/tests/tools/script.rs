//! The notation of the cases: one command line a line, so that a table reads like a terminal.
//!
//! ```text
//! # a comment
//! kafka-topics --create --topic orders        the broker's address is appended
//! kafka-cluster cluster-id --bootstrap {}     … or put in place of {}; {data} is its log.dirs
//! kafka-console-producer --topic t < a\nb\n   standard input, with \n and \t
//! bare: kafka-topics --list                   without an address
//! shape: kafka-get-offsets                    numbers may differ
//! where: kafka-topics --help                  only the exit code, and on which stream it speaks
//! behind: kafka-console-consumer --group g    ours, beside what follows, to the end of the table
//! alone: kafka-topics --list                  after the end of what runs beside
//! until Stable: kafka-consumer-groups         ours, again and again until it prints the word
//! gone first: kafka-topics --list             ours, again and again until the word is not there
//! ```

/// What is done with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    Same,
    Shape,
    Where,
    Behind,
    Alone,
    Until(&'a str),
    Gone(&'a str),
}

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub kind: Kind<'a>,
    pub takes_address: bool,
    pub tool: &'a str,
    arguments: &'a str,
    stdin: &'a str,
}

/// The cases of a table, in order.
pub fn cases(table: &str) -> impl Iterator<Item = Case<'_>> {
    let lines = table.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Case::parse)
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> Self {
        let (kind, takes_address, line) = match line.split_once(": kafka-") {
            None => (Kind::Same, true, line),
            Some((mark, _)) => {
                let rest = line.get(mark.len() + 2..).expect("a command after the mark");
                let (kind, takes_address) = Self::mark(mark);
                (kind, takes_address, rest)
            }
        };
        let (command, stdin) = line.split_once(" < ").unwrap_or((line, ""));
        let (tool, arguments) = command.split_once(' ').unwrap_or((command, ""));
        Self { kind, takes_address, tool, arguments, stdin }
    }

    fn mark(mark: &'a str) -> (Kind<'a>, bool) {
        match mark {
            "bare" => (Kind::Same, false),
            "bare shape" => (Kind::Shape, false),
            "shape" => (Kind::Shape, true),
            "where" => (Kind::Where, true),
            "bare where" => (Kind::Where, false),
            "alone" => (Kind::Alone, true),
            "behind" => (Kind::Behind, true),
            _ => match mark.strip_prefix("gone ") {
                Some(word) => (Kind::Gone(word), true),
                None => (Kind::Until(mark.strip_prefix("until ").expect("a known mark")), true),
            },
        }
    }

    /// The arguments for the broker at `address`; `places` are what else stands in braces.
    pub fn arguments(&self, address: &str, places: &[(&str, &str)]) -> Vec<String> {
        let mut text = self.arguments.replace("{}", address);
        for (name, value) in places {
            text = text.replace(name, value);
        }
        let mut arguments = split(&text);
        if self.takes_address && !self.arguments.contains("{}") {
            arguments.extend(["--bootstrap-server".to_owned(), address.to_owned()]);
        }
        arguments
    }

    pub fn stdin(&self) -> String {
        self.stdin.replace("\\n", "\n").replace("\\t", "\t")
    }
}

/// Words between blanks; what stands in single quotes is one word.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 0 {
            words.extend(part.split_whitespace().map(str::to_owned));
        } else {
            words.push(part.to_owned());
        }
    }
    words
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.tool, self.arguments)
    }
}
