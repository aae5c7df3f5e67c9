//! The commands of the shell, by Kafka's names and with its words.

use std::fmt::Write;
use std::rc::Rc;

use super::columns::in_columns;
use super::glob::Glob;
use super::tree::Node;

/// A command as `help` and `man` show it.
struct Command {
    name: &'static str,
    about: &'static str,
    /// What stands behind it, and what that is.
    arguments: Option<(&'static str, &'static str, &'static str)>,
    /// Whether it means something only where one command follows another.
    only_in_shell: bool,
}

const COMMANDS: [Command; 10] = [
    of("cat", "Show the contents of metadata files.", &SOME_FILES, false),
    of("cd", "Set the current working directory.", &DIRECTORY, true),
    of("exit", "Exit the metadata shell.", &None, true),
    of("find", "Search for nodes in the directory hierarchy.", &PATHS, false),
    of("help", "Display this help message.", &None, true),
    of("history", "Print command history.", &COUNT, true),
    of("ls", "List metadata nodes.", &NODES, false),
    of("man", "Show the help text for a specific command.", &COMMAND, true),
    of("pwd", "Print the current working directory.", &None, true),
    of("tree", "Show the contents of metadata nodes in a tree structure.", &SOME_NODES, false),
];

type Arguments = Option<(&'static str, &'static str, &'static str)>;
const SOME_FILES: Arguments =
    Some(("targets", "targets [targets ...]", "The metadata files to display."));
const SOME_NODES: Arguments =
    Some(("targets", "targets [targets ...]", "The metadata nodes to display."));
const NODES: Arguments =
    Some(("targets", "[targets [targets ...]]", "The metadata node paths to list."));
const PATHS: Arguments = Some(("paths", "[paths [paths ...]]", "The paths to start at."));
const DIRECTORY: Arguments = Some(("target", "[target]", "The directory to change to."));
const COUNT: Arguments =
    Some(("numEntriesToShow", "[numEntriesToShow]", "The number of entries to show."));
const COMMAND: Arguments = Some(("cmd", "cmd", "The command to get help text for."));

const fn of(
    name: &'static str,
    about: &'static str,
    arguments: &Arguments,
    only_in_shell: bool,
) -> Command {
    Command { name, about, arguments: *arguments, only_in_shell }
}

/// A tree, where one stands in it, and what has been said so far.
pub struct Session {
    root: Rc<Node>,
    directory: Vec<String>,
    /// The lines that were typed; `None` where there is one command alone.
    history: Option<Vec<String>>,
    /// How wide the terminal is, where there is one.
    columns: Option<usize>,
}

/// What a command comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What is to be printed, line ends included.
    Text(String),
    Exit,
}

impl Session {
    /// One command on a tree.
    pub fn single(root: Rc<Node>) -> Self {
        Self { root, directory: Vec::new(), history: None, columns: None }
    }

    /// One command after the other.
    pub fn shell(root: Rc<Node>, columns: Option<usize>) -> Self {
        Self { root, directory: Vec::new(), history: Some(Vec::new()), columns }
    }

    /// Runs a line that was typed.
    pub fn type_line(&mut self, line: &str) -> Outcome {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if let Some(history) = self.history.as_mut().filter(|_| !words.is_empty()) {
            history.push(line.trim().to_owned());
        }
        self.run(&words)
    }

    /// Runs a command with its arguments.
    pub fn run(&mut self, words: &[String]) -> Outcome {
        let Some((name, arguments)) = words.split_first() else {
            return Outcome::Text(String::new());
        };
        let known = self.commands().any(|command| command.name == name);
        if !known {
            let names: Vec<_> = self.commands().map(|c| format!("'{}'", c.name)).collect();
            let names = names.join(", ");
            return Outcome::Text(format!("invalid choice: '{name}' (choose from {names})\n"));
        }
        if matches!(name.as_str(), "cat" | "tree" | "man") && arguments.is_empty() {
            return Outcome::Text("too few arguments\n".to_owned());
        }
        Outcome::Text(match name.as_str() {
            "exit" => return Outcome::Exit,
            "cat" => self.cat(arguments),
            "cd" => self.cd(arguments.first().map_or("/", String::as_str)),
            "find" => self.find(arguments),
            "help" => help(),
            "history" => self.told(arguments),
            "ls" => self.ls(arguments),
            "man" => manual(&arguments[0]),
            "pwd" => format!("/{}\n", self.directory.join("/")),
            _ => self.tree(arguments),
        })
    }

    fn commands(&self) -> impl Iterator<Item = &'static Command> {
        let in_shell = self.history.is_some();
        COMMANDS.iter().filter(move |command| in_shell || !command.only_in_shell)
    }

    /// Everything that a path with patterns stands for: its parts, and the node there.
    fn resolve(&self, path: &str) -> Vec<(Vec<String>, Rc<Node>)> {
        let mut parts: Vec<&str> = Vec::new();
        if !path.starts_with('/') {
            parts.extend(self.directory.iter().map(String::as_str));
        }
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match part {
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let mut found = vec![(Vec::new(), Rc::clone(&self.root))];
        for part in parts {
            let glob = Glob::new(part);
            let below = |(path, node): (Vec<String>, Rc<Node>)| {
                let children = node.children().into_iter().flatten();
                let fitting = children.filter(|(name, _)| glob.matches(name));
                let step = |(name, child): (&String, &Rc<Node>)| {
                    ([&path[..], std::slice::from_ref(name)].concat(), Rc::clone(child))
                };
                fitting.map(step).collect::<Vec<_>>()
            };
            found = found.into_iter().flat_map(below).collect();
        }
        found
    }

    fn cd(&mut self, target: &str) -> String {
        let found = self.resolve(target);
        if found.is_empty() {
            return format!("cd: {target}: no such directory.\n");
        }
        let mut text = String::new();
        for (path, node) in found {
            match &*node {
                Node::Directory(_) => self.directory = path,
                Node::File(_) => text += &format!("cd: {target}: not a directory.\n"),
            }
        }
        text
    }

    fn cat(&self, targets: &[String]) -> String {
        self.each(targets, "cat", "No such file or directory", |target, node, text| match node {
            Node::Directory(_) => push(text, &format!("cat: {target}: Is a directory")),
            Node::File(content) => push(text, &content.text()),
        })
    }

    fn tree(&self, targets: &[String]) -> String {
        let missing = "No such file or directory";
        self.each(targets, "tree", missing, |_, node, text| show(node, 0, text))
    }

    fn find(&self, paths: &[String]) -> String {
        let here = [".".to_owned()];
        let paths = if paths.is_empty() { &here } else { paths };
        self.each(paths, "find", "no such file or directory", |path, node, text| {
            list(path, node, text);
        })
    }

    /// Adds to the text for everything that these paths stand for.
    fn each(
        &self,
        paths: &[String],
        command: &str,
        missing: &str,
        add: impl Fn(&str, &Node, &mut String),
    ) -> String {
        let mut text = String::new();
        for path in paths {
            let found = self.resolve(path);
            if found.is_empty() {
                push(&mut text, &format!("{command}: {path}: {missing}."));
            }
            found.iter().for_each(|(_, node)| add(path, node, &mut text));
        }
        text
    }

    fn ls(&self, targets: &[String]) -> String {
        let here = [".".to_owned()];
        let targets = if targets.is_empty() { &here } else { targets };
        let (mut text, mut files, mut directories) = (String::new(), Vec::new(), Vec::new());
        for target in targets {
            let found = self.resolve(target);
            if found.is_empty() {
                push(&mut text, &format!("ls: {target}: no such file or directory."));
            }
            for (mut path, node) in found {
                let name = path.pop().unwrap_or_else(|| "/".to_owned());
                match node.children() {
                    Some(children) => directories.push((name, children.keys().cloned().collect())),
                    None => files.push(name),
                }
            }
        }
        in_columns(&mut text, &files, self.columns);
        let with_titles = !files.is_empty() || directories.len() > 1;
        let mut is_first = files.is_empty();
        for (name, children) in directories {
            let children: Vec<String> = children;
            if children.is_empty() {
                is_first = false;
                continue;
            }
            if with_titles {
                push(&mut text, &format!("{}{name}:", if is_first { "" } else { "\n" }));
                is_first = false;
            }
            in_columns(&mut text, &children, self.columns);
        }
        text
    }

    /// The last lines that were typed, numbered from 0.
    fn told(&self, arguments: &[String]) -> String {
        let lines = self.history.as_deref().unwrap_or_default();
        let shown = match arguments.first().map(|text| text.parse::<i32>()) {
            None => lines.len(),
            Some(Ok(count)) => usize::try_from(count).unwrap_or(0),
            Some(Err(_)) => return "argument numEntriesToShow: could not be read\n".to_owned(),
        };
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate().skip(lines.len().saturating_sub(shown)) {
            push(&mut text, &format!("{index:5}  {line}"));
        }
        text
    }
}

/// Adds a line.
fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn show(node: &Node, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match node {
        Node::Directory(children) => {
            for (name, child) in children {
                push(text, &format!("{indent}{name}:"));
                show(child, depth + 1, text);
            }
        }
        Node::File(content) => push(text, &format!("{indent}{}", content.text())),
    }
}

fn list(path: &str, node: &Node, text: &mut String) {
    push(text, path);
    for (name, child) in node.children().into_iter().flatten() {
        let below = if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
        list(&below, child, text);
    }
}

fn help() -> String {
    let names = COMMANDS.map(|command| command.name).join(",");
    let mut text = format!(
        "Welcome to the Klamm metadata shell.\n\nusage:  {{{names}}} ...\n\npositional \
         arguments:\n  {{{names}}}\n"
    );
    for command in &COMMANDS {
        // writing to a String cannot fail
        let _ = writeln!(text, "    {:<21}{}", command.name, command.about);
    }
    text
}

fn manual(name: &str) -> String {
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return format!("man: unknown command {name}. Type help to get a list of commands.\n");
    };
    let mut text = format!("{name}: {}\n\nusage: {name}", command.about);
    if let Some((argument, usage, about)) = command.arguments {
        text += &format!(" {usage}\n\npositional arguments:\n  {argument:<23}{about}");
    }
    push(&mut text, "");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::metadata_shell::tree::Content;

    fn file(text: &str) -> Rc<Node> {
        Rc::new(Node::File(Content::Text(text.to_owned())))
    }

    fn directory(children: &[(&str, Rc<Node>)]) -> Rc<Node> {
        let children = children.iter().map(|(name, node)| ((*name).to_owned(), Rc::clone(node)));
        Rc::new(Node::Directory(children.collect()))
    }

    fn session() -> Session {
        let topics = directory(&[("bar", file("2")), ("baz", file("3")), ("foo", file("1"))]);
        let root = directory(&[("empty", directory(&[])), ("topics", topics), ("v", file("9"))]);
        Session::shell(root, None)
    }

    fn said(session: &mut Session, line: &str) -> String {
        match session.type_line(line) {
            Outcome::Text(text) => text,
            Outcome::Exit => "exit".to_owned(),
        }
    }

    #[test]
    fn commands_see_what_patterns_stand_for() {
        for (line, text) in [
            ("ls", "empty\ntopics\nv\n"),
            ("ls topics/ba*", "bar\nbaz\n"),
            ("ls v topics", "v\n\ntopics:\nbar\nbaz\nfoo\n"),
            ("ls nope", "ls: nope: no such file or directory.\n"),
            ("cat v /topics/../topics/{foo,bar}", "9\n2\n1\n"),
            ("cat topics", "cat: topics: Is a directory\n"),
            ("cat", "too few arguments\n"),
            ("find topics", "topics\ntopics/bar\ntopics/baz\ntopics/foo\n"),
            ("tree /", "empty:\ntopics:\n  bar:\n    2\n  baz:\n    3\n  foo:\n    1\nv:\n  9\n"),
            ("tree v", "9\n"),
            ("cd v", "cd: v: not a directory.\n"),
            ("cd x", "cd: x: no such directory.\n"),
            ("exit", "exit"),
            ("", ""),
        ] {
            assert_eq!(said(&mut session(), line), text, "{line}");
        }
    }

    #[test]
    fn a_session_keeps_its_place_and_its_history() {
        let mut session = session();
        for (line, text) in [
            ("cd topics", ""),
            ("pwd", "/topics\n"),
            ("cat foo", "1\n"),
            ("cd ..", ""),
            ("pwd", "/\n"),
            ("history 2", "    4  pwd\n    5  history 2\n"),
        ] {
            assert_eq!(said(&mut session, line), text, "{line}");
        }
    }

    #[test]
    fn one_command_alone_is_no_session() {
        let mut single = Session::single(session().root);
        let outcome = single.run(&["cd".to_owned()]);
        let text = "invalid choice: 'cd' (choose from 'cat', 'find', 'ls', 'tree')\n";
        assert_eq!(outcome, Outcome::Text(text.to_owned()));
    }
}
