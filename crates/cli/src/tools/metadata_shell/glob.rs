//! Patterns of one part of a path: `*`, `?`, `{this,that}`, and `\` before what is meant as it stands.

/// What one part of a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glob {
    /// One name.
    Name(String),
    /// Whatever one of these matches.
    Any(Vec<Vec<Token>>),
}

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Char(char),
    One,
    Many,
}

impl Glob {
    /// A pattern that is not well formed is a name.
    pub fn new(text: &str) -> Self {
        if !text.contains(['*', '?', '{']) {
            return Self::Name(text.to_owned());
        }
        match alternatives(text) {
            Some(alternatives) => Self::Any(alternatives),
            None => Self::Name(text.to_owned()),
        }
    }

    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Any(patterns) => {
                let name: Vec<char> = name.chars().collect();
                patterns.iter().any(|pattern| matches(pattern, &name))
            }
        }
    }
}

/// The pattern once for each way through its braces; `None` where those are nested or open.
fn alternatives(text: &str) -> Option<Vec<Vec<Token>>> {
    let mut done: Vec<Vec<Token>> = vec![Vec::new()];
    // what stands in the braces that are open, by comma
    let mut group: Option<Vec<Vec<Token>>> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let token = match (c, &mut group) {
            ('{', Some(_)) => return None,
            ('{', None) => {
                group = Some(vec![Vec::new()]);
                continue;
            }
            (',', Some(choices)) => {
                choices.push(Vec::new());
                continue;
            }
            ('}', Some(choices)) => {
                let joined = |head: &Vec<Token>| {
                    choices.iter().map(|tail| [&head[..], tail].concat()).collect::<Vec<_>>()
                };
                done = done.iter().flat_map(joined).collect();
                group = None;
                continue;
            }
            ('?', _) => Token::One,
            ('*', _) => Token::Many,
            ('\\', _) => Token::Char(chars.next().unwrap_or('\\')),
            (other, _) => Token::Char(other),
        };
        match &mut group {
            Some(choices) => choices.last_mut()?.push(token),
            None => done.iter_mut().for_each(|pattern| pattern.push(token)),
        }
    }
    group.is_none().then_some(done)
}

/// Whether the whole name fits. Where a `*` has to give back, only the last one does.
fn matches(pattern: &[Token], name: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(Token::Many) => {
                star = Some((at, seen));
                at += 1;
            }
            Some(Token::One) => (at, seen) = (at + 1, seen + 1),
            Some(Token::Char(c)) if *c == name[seen] => (at, seen) = (at + 1, seen + 1),
            Some(Token::Char(_)) | None => {
                let Some((of_star, taken)) = star else { return false };
                star = Some((of_star, taken + 1));
                (at, seen) = (of_star + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, fits) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("{foo,ba*}", "bar", true),
            ("{foo,ba*}", "fo", false),
            ("x{1,2}y{3,4}", "x2y3", true),
            ("{a,{b,c}}", "a", false),
            ("{a", "{a", true),
            ("a,b", "a,b", true),
            (r"\**", "*x", true),
            (r"\**", "xx", false),
            ("a.c*", "abcd", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), fits, "{pattern} {name}");
        }
    }
}
