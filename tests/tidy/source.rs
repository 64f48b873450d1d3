//! Rust source as text, with comments and the contents of strings told apart from code. Not a parser: enough to
//! see names, braces and literals.
use std::ops::Range;

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Comments and the contents of strings and characters are blanks. Same length and lines as the text.
    pub(crate) code: String,
    /// Comments are blanks, strings are not.
    pub(crate) uncommented: String,
}

/// A function: its name, and the lines from `fn` to the closing brace, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first_line: usize,
    pub(crate) lines: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let spans = spans(text);
        let blanked = |blank: &dyn Fn(Kind) -> bool| -> String {
            let mut bytes = text.as_bytes().to_vec();
            for (kind, span) in &spans {
                if blank(*kind) {
                    bytes[span.clone()]
                        .iter_mut()
                        .filter(|byte| **byte != b'\n')
                        .for_each(|byte| *byte = b' ');
                }
            }
            String::from_utf8(bytes).expect("whole spans of text were blanked")
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blanked(&|kind| kind != Kind::Code),
            uncommented: blanked(&|kind| kind == Kind::Comment),
        }
    }

    /// The code without modules that are compiled only for tests.
    pub(crate) fn product_code(&self) -> String {
        if self.is_test_file() {
            return String::new();
        }
        let mut code = self.code.clone().into_bytes();
        for range in self.test_modules() {
            code[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        String::from_utf8(code).expect("whole modules were blanked")
    }

    fn is_test_file(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// From `#[cfg(test)]` to the closing brace of the item that follows it.
    fn test_modules(&self) -> Vec<Range<usize>> {
        let attribute = "#[cfg(test)]";
        let starts = self.code.match_indices(attribute).map(|(at, _)| at);
        starts.filter_map(|at| Some(at..body(&self.code, at + attribute.len())?.end)).collect()
    }

    /// Functions with a body, outside of test modules.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let code = self.product_code();
        let mut functions = Vec::new();
        for at in words(&code, "fn") {
            let name: String = code[at + 2..].trim_start().chars().take_while(|c| is_word(*c)).collect();
            // A type such as fn(u8) has no name, a function of a trait may have no body.
            if let (false, Some(body)) = (name.is_empty(), body(&code, at)) {
                let lines = code[at..body.end].lines().count();
                functions.push(Function { name, first_line: line_of(&code, at), lines });
            }
        }
        functions
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where a whole word stands in a text.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Line number of a position, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The next braces at the same depth, unless a semicolon ends the item before.
fn body(code: &str, from: usize) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    let mut start = None;
    for (offset, byte) in code[from..].bytes().enumerate() {
        match byte {
            b';' if start.is_none() && depth == 0 => return None,
            b'(' | b'[' if start.is_none() => depth += 1,
            b')' | b']' if start.is_none() => depth = depth.saturating_sub(1),
            b'{' => {
                start.get_or_insert(from + offset);
                depth += 1;
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return start.map(|start| start..from + offset + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Comments, and the contents of literals.
fn spans(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (kind, length) = next(text, at);
        spans.push((kind, at..at + length));
        at += length;
    }
    spans
}

/// What begins here, and how long it is, in bytes.
fn next(text: &str, at: usize) -> (Kind, usize) {
    let rest = &text[at..];
    let first = rest.chars().next().map_or(1, char::len_utf8);
    let after_word = text[..at].chars().next_back().is_some_and(is_word);
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if let Some(length) = raw_string(rest).filter(|_| !after_word) {
        return (Kind::Literal, length);
    }
    match rest.as_bytes().first() {
        Some(b'"') => (Kind::Literal, quoted(rest, b'"')),
        Some(b'\'') => character(rest).map_or((Kind::Code, 1), |length| (Kind::Literal, length)),
        _ => (Kind::Code, first),
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// `r"..."`, `br#"..."#` and the like: no escapes, ended by as many `#` as began it.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        let hashes = rest.strip_prefix(prefix).unwrap_or_default().trim_start_matches('#');
        hashes.starts_with('"')
    })?;
    let hashes = rest[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let start = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

fn quoted(rest: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut inner = rest[1..].chars();
    let first = inner.next()?;
    if first == '\\' {
        return Some(quoted(rest, b'\''));
    }
    (inner.next() == Some('\'')).then(|| first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_nothing_else() {
        let table = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z')"#, "f(      ,    )"),
            (r##"f(r#"a"b"#, br"c")"##, "f(        ,      )"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            (r"('\'', '\n', '{', '\u{41}')", "(    ,     ,    ,         )"),
            ("for\"x\"", "for   "),
            ("\"ä\" ä", "     ä"),
        ];
        for (text, code) in table {
            assert_eq!(Source::new("x.rs", text).code.trim_end(), code.trim_end(), "{text}");
        }
        let source = Source::new("x.rs", "f(\"a // b\") // c");
        assert_eq!(source.uncommented.trim_end(), "f(\"a // b\")");
    }

    #[test]
    fn functions_are_measured_by_their_braces() {
        let text = "trait T { fn none(&self); fn some(&self) {\n} }\nfn long<const N: usize>(x: [u8; 4])\nwhere\n\
                    {\n  let s = \"}\"; // }\n  if x { '}' }\n}\ntype F = fn(u8);\n\
                    #[cfg(test)]\nmod tests {\n fn hidden() {}\n}\n";
        let found = Source::new("x.rs", text).functions();
        let expected = [("some", 1, 2), ("long", 3, 6)];
        let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.first_line, f.lines)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn whole_words_only() {
        assert_eq!(words("unsafe_code unsafe { not_unsafe }", "unsafe").collect::<Vec<_>>(), [12]);
    }
}
