//! The functions of a Rust source and how many lines each takes, without a parser's weight.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// From the line of `fn` to that of the closing brace, both included.
    pub lines: usize,
}

/// Every function of `source`, inner ones too, in the order of their ends.
pub fn functions(source: &str) -> Vec<Function> {
    let code = blank_out(source);
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut open: Vec<Option<(String, usize)>> = Vec::new();
    let mut pending: Option<(String, usize)> = None;
    let (mut line, mut parens, mut i) = (1, 0i32, 0);
    while i < bytes.len() {
        match bytes[i] {
            b'\n' => line += 1,
            b'(' | b'[' => parens += 1,
            b')' | b']' => parens -= 1,
            b';' if parens == 0 => pending = None,
            b'{' => open.push(if parens == 0 { pending.take() } else { None }),
            b'}' => {
                if let Some(Some((name, start))) = open.pop() {
                    found.push(Function { name, lines: line - start + 1 });
                }
            }
            _ => {
                if let Some(name) = function_name(&code, i) {
                    pending = Some((name, line));
                    parens = 0;
                }
            }
        }
        i += 1;
    }
    found
}

/// The name behind a keyword `fn` that starts at `at`.
fn function_name(code: &str, at: usize) -> Option<String> {
    let rest = code.get(at..)?.strip_prefix("fn ")?;
    let before = code[..at].chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// `source` with comments, strings and character literals as blanks, line breaks kept.
fn blank_out(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut i = 0;
    while i < chars.len() {
        let end = literal_end(&chars, i);
        if end > i {
            out.extend(chars[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        } else {
            out.push(if chars[i].is_ascii() { chars[i] } else { '_' });
            i += 1;
        }
    }
    out
}

/// Where the comment or literal that starts at `i` ends; `i` itself where none starts.
fn literal_end(chars: &[char], i: usize) -> usize {
    let at = |k: usize| chars.get(k).copied().unwrap_or('\0');
    let word_before = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
    match at(i) {
        '/' if at(i + 1) == '/' => find(chars, i, |k| at(k) == '\n'),
        '/' if at(i + 1) == '*' => find(chars, i + 2, |k| at(k) == '*' && at(k + 1) == '/') + 2,
        '"' => string_end(chars, i + 1),
        'r' if !word_before && (at(i + 1) == '"' || at(i + 1) == '#') => raw_end(chars, i),
        '\'' if at(i + 1) == '\\' => find(chars, i + 3, |k| at(k) == '\'') + 1,
        '\'' if at(i + 2) == '\'' => i + 3,
        _ => i,
    }
    .min(chars.len())
}

fn find(chars: &[char], from: usize, stop: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|k| stop(*k)).unwrap_or(chars.len())
}

fn string_end(chars: &[char], mut k: usize) -> usize {
    while k < chars.len() && chars[k] != '"' {
        k += if chars[k] == '\\' { 2 } else { 1 };
    }
    k + 1
}

/// The end of `r#"…"#`; `i` itself where it is a raw identifier.
fn raw_end(chars: &[char], i: usize) -> usize {
    let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(i + 1 + hashes) != Some(&'"') {
        return i;
    }
    let closes = |k: usize| chars[k] == '"' && (1..=hashes).all(|h| chars.get(k + h) == Some(&'#'));
    find(chars, i + 2 + hashes, closes) + 1 + hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_fn_to_brace() {
        let source = "impl X {\n    pub fn a(&self) -> [u8; 2] {\n        b\n    }\n}\n\
            trait Y {\n    fn none(&self);\n}\nfn c() {}\n";
        let found = functions(source);
        assert_eq!(
            found,
            [
                Function { name: "a".to_owned(), lines: 3 },
                Function { name: "c".to_owned(), lines: 1 }
            ]
        );
    }

    #[test]
    fn braces_in_literals_and_comments_do_not_count() {
        let source = "fn a() {\n    // }\n    let x = \"}\\\"}\";\n    let y = '}';\n    \
            let z = r#\"}\"}\"#;\n    let l: &'static str = x; /* } */\n}\n";
        assert_eq!(functions(source), [Function { name: "a".to_owned(), lines: 7 }]);
    }
}
