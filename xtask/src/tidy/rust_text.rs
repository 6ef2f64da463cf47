//! Rust source without its comments and literals, so that a word found in it is code.

use std::ops::RangeInclusive;

/// Blanks comments, strings and characters out, keeping line ends, so that line numbers stay true.
///
/// Knows nested block comments, escapes, raw strings of any number of `#`, byte and C strings, and tells a
/// character from a lifetime.
pub(crate) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn literal_or_comment_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => find(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => quoted_end(chars, at, '"'),
        '\'' => char_end(chars, at),
        'r' | 'b' | 'c' if !follows_a_word(chars, at) => prefixed_end(chars, at),
        _ => at,
    }
}

fn find(chars: &[char], from: usize, is: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|&c| is(c)).map_or(chars.len(), |n| from + n)
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = at;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => {
                depth += 1;
                i += 2;
            }
            ('*', '/') => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    chars.len()
}

/// The end of text in quotes with escapes; `at` is the opening quote.
fn quoted_end(chars: &[char], at: usize, quote: char) -> usize {
    let mut i = at + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            c if c == quote => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// The end of a character literal, or `at` for a lifetime.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => quoted_end(chars, at, '\''),
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

/// The end of `r"..."`, `r#"..."#`, `b"..."`, `b'.'`, `br"..."`, `c"..."`, `cr"..."`, or `at` for a plain word.
fn prefixed_end(chars: &[char], at: usize) -> usize {
    let raw_at = if chars[at] == 'r' { at } else { at + 1 };
    if chars.get(raw_at) == Some(&'r') {
        let hashes = chars[raw_at + 1..].iter().take_while(|&&c| c == '#').count();
        let open = raw_at + 1 + hashes;
        if chars.get(open) == Some(&'"') {
            return raw_end(chars, open + 1, hashes);
        }
        return at;
    }
    match chars.get(at + 1) {
        Some('"') => quoted_end(chars, at + 1, '"'),
        Some('\'') if chars[at] == 'b' => char_end(chars, at + 1),
        _ => at,
    }
}

fn raw_end(chars: &[char], from: usize, hashes: usize) -> usize {
    let mut i = from;
    while i < chars.len() {
        let close = i + 1 + hashes;
        if chars[i] == '"' && close <= chars.len() && chars[i + 1..close].iter().all(|&c| c == '#') {
            return close;
        }
        i += 1;
    }
    chars.len()
}

fn follows_a_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

/// Whether a character can be a part of a word.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` stands in `text` as a word of its own.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

/// The lines, from 1, of each `#[cfg(test)] mod name { ... }` in code that holds no comments and literals.
pub(crate) fn test_modules(code: &str) -> Vec<RangeInclusive<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    let ends = code.match_indices(MARK).filter_map(|(at, _)| {
        let end = test_module_end(code, at + MARK.len())?;
        Some(line_of(at)..=line_of(end))
    });
    ends.collect()
}

/// Where the module with a body ends that begins at `from`, further attributes and `pub` before it.
fn test_module_end(code: &str, from: usize) -> Option<usize> {
    let mut item = code[from..].trim_start();
    while item.starts_with("#[") {
        item = item[matching_end(item, '[', ']')?..].trim_start();
    }
    if let Some(rest) = item.strip_prefix("pub") {
        item = rest.trim_start();
        if item.starts_with('(') {
            item = item[matching_end(item, '(', ')')?..].trim_start();
        }
    }
    let body = item.strip_prefix("mod ")?.trim_start().trim_start_matches(is_word).trim_start();
    let length = body.starts_with('{').then(|| matching_end(body, '{', '}'))??;
    Some(code.len() - body.len() + length)
}

/// The place after the bracket that closes the first one that opens.
fn matching_end(text: &str, opens: char, closes: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == opens {
            depth += 1;
        } else if c == closes {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at + c.len_utf8());
            }
        }
    }
    None
}

/// Whether the macro `name` is called in `text`.
pub(crate) fn calls_macro(text: &str, name: &str) -> bool {
    has_word(text, name)
        && text.split(name).skip(1).any(|after| {
            let after = after.trim_start();
            after.starts_with('!') && !after.starts_with("!=")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hides(source: &str) {
        assert!(!code_only(source).contains("WORD"), "{source} became {}", code_only(source));
    }

    fn shows(source: &str) {
        assert!(code_only(source).contains("WORD"), "{source} became {}", code_only(source));
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        hides("// WORD");
        hides("/// WORD\n");
        hides("/* a /* nested */ WORD */ x");
        hides(r#"let a = "WORD \" WORD";"#);
        hides(r##"let a = r#"a " WORD"#;"##);
        hides(r##"let a = br#"WORD"#;"##);
        hides(r#"let a = b"WORD";"#);
        hides(r#"let a = c"WORD";"#);
        hides("let a = \"two\nlines WORD\";");
    }

    #[test]
    fn code_after_comments_and_literals_is_kept() {
        shows("/* a */ WORD");
        shows("// a\nWORD");
        shows(r#"let a = "\\"; WORD "#);
        shows(r##"let a = r"\"; WORD ""##);
        shows("let a = '\"'; WORD");
        shows("let a = '\\''; WORD");
        shows("let a = b'\"'; WORD");
        shows("fn f<'a>(x: &'a str) { WORD }");
        shows("let r#type = bar; WORD");
    }

    #[test]
    fn line_ends_stay_where_they_were() {
        let source = "a /* 1\n2 */ b \"3\n4\" c\n// d\ne";
        let code = code_only(source);
        assert_eq!(code.lines().count(), source.lines().count());
        assert_eq!(code.lines().nth(2).map(str::trim), Some("c"));
    }

    #[test]
    fn test_modules_end_with_their_brace() {
        let code = "a\n#[cfg(test)]\nmod tests {\n    fn f() { { } }\n}\n#[cfg(test)]\nmod other;\nb {}\n\
            #[cfg(test)]\n#[allow(a)]\npub(super) mod more {}\nc\n";
        assert_eq!(test_modules(code), [2..=5, 9..=11]);
        assert_eq!(test_modules("#[cfg(test)]\nmod a {\n"), []);
        assert_eq!(test_modules("#[cfg(test)]\nmodule { }\n"), []);
    }

    #[test]
    fn words_and_macro_calls_are_whole() {
        assert!(has_word("x unsafe {", "unsafe") && !has_word("unsafe_code", "unsafe"));
        assert!(calls_macro("println !(1)", "println") && !calls_macro("eprintln!(1)", "println"));
        assert!(!calls_macro("if print != 2", "print"));
    }
}
