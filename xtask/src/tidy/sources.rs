//! Rules for Rust sources: where unsafe and printing may stand, docs on what is public, no stubs, no long files.

use super::Finding;
use super::rust_text::{calls_macro, code_only, has_word, is_word, test_modules};

/// Past this a file holds more than one idea.
const MAX_LINES: usize = 500;

/// Where `unsafe` may stand.
const UNSAFE_HOME: &str = "crates/kernels/";

/// Crates that talk to a person.
const PRINTING: &[&str] = &["crates/cli/", "xtask/", "benches/"];

const PRINT_MACROS: &[&str] = &["print", "println", "eprint", "eprintln"];

/// Functions of std::io that give what printing writes to.
const STREAMS: &[&str] = &["stdout", "stderr"];

/// Macros that stand for code which is not there yet, or not meant to stay.
const STUB_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// What a public item begins with, after `pub` and its qualifiers.
const ITEMS: &[&str] = &["fn", "struct", "enum", "trait", "mod", "const", "static", "type", "union"];

const QUALIFIERS: &[&str] = &["async", "unsafe", "extern"];

/// Checks one source. `module_text` gives the text of the file that a `mod name;` in it means.
pub(crate) fn check(file: &str, text: &str, module_text: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    let code = code_only(text);
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(Finding::new(
            file,
            lines,
            format!("expected at most {MAX_LINES} lines, found {lines}"),
        ));
    }
    // An example is a program that a person runs.
    let may_print = PRINTING.iter().any(|place| file.starts_with(place))
        || file.contains("/examples/")
        || file.ends_with("build.rs");
    // clippy.toml lets tests print.
    let test_file = file.contains("/tests/");
    let test_lines = test_modules(&code);
    for (number, line) in (1..).zip(code.lines()) {
        let mut refuse = |message: String| findings.push(Finding::new(file, number, message));
        if has_word(line, "unsafe") && !file.starts_with(UNSAFE_HOME) {
            refuse(format!("expected unsafe in {UNSAFE_HOME} only"));
        }
        let in_tests = test_file || test_lines.iter().any(|lines| lines.contains(&number));
        if !may_print && !in_tests {
            if let Some(name) = PRINT_MACROS.iter().find(|name| calls_macro(line, name)) {
                refuse(format!("expected printing in the binary only, found {name}!"));
            }
            if let Some(name) = STREAMS.iter().find(|name| names_stream(line, name)) {
                refuse(format!("expected printing in the binary only, found io::{name}"));
            }
            if line.contains("process::exit") {
                refuse("expected an error to be returned, found an exit of the process".to_owned());
            }
        }
        if let Some(name) = STUB_MACROS.iter().find(|name| calls_macro(line, name)) {
            refuse(format!("expected finished code, found {name}!"));
        }
        if line.trim_start().starts_with("#[") && has_word(line, "ignore") {
            refuse("expected a test that runs, found an ignored one".to_owned());
        }
    }
    findings.extend(ignored_examples(file, text));
    if !file.contains("/tests/") {
        findings.extend(undocumented(file, text, &code, module_text));
    }
    findings
}

/// Whether the line calls or imports the function `name` of std::io. The method of that name, which tells a child
/// process where to write, is another matter.
fn names_stream(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], line[at + name.len()..].trim_start());
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        let called = after.starts_with('(') && !before.trim_end().ends_with('.');
        whole && (before.ends_with("::") || called)
    })
}

/// Examples in docs that are neither compiled nor run.
fn ignored_examples(file: &str, text: &str) -> Vec<Finding> {
    let is_ignored = |line: &str| {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start);
        doc.and_then(|doc| doc.strip_prefix("```")).is_some_and(|info| has_word(info, "ignore"))
    };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| is_ignored(line));
    lines
        .map(|(n, _)| Finding::new(file, n, "expected an example that compiles, found an ignored one"))
        .collect()
}

/// Public items without a doc comment. A `pub mod name;` may carry its docs inside its own file.
fn undocumented(
    file: &str,
    text: &str,
    code: &str,
    module_text: &dyn Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let texts: Vec<&str> = text.lines().collect();
    let codes: Vec<&str> = code.lines().collect();
    let mut findings = Vec::new();
    for (at, line) in codes.iter().enumerate() {
        let Some(item) = public_item(line) else { continue };
        if has_docs_above(&texts, &codes, at) {
            continue;
        }
        if let Some(module) = item.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
            && module_text(module.trim()).is_some_and(|text| text.trim_start().starts_with("//!"))
        {
            continue;
        }
        findings.push(Finding::new(
            file,
            at + 1,
            format!("expected docs on a public item, found none on: {item}"),
        ));
    }
    findings
}

/// What follows `pub` where the line begins a public item or field; re-exports bring their own docs along.
fn public_item(line: &str) -> Option<&str> {
    let item = line.trim().strip_prefix("pub ")?.trim_start();
    let mut words = item.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let first = words.find(|word| !QUALIFIERS.contains(word))?;
    let is_field = item.trim_start_matches("r#").split_once(':').is_some_and(|(name, rest)| {
        !rest.starts_with(':') && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    });
    (ITEMS.contains(&first) || is_field).then_some(item)
}

/// Whether a doc comment or attribute stands above, with nothing but attributes in between.
fn has_docs_above(texts: &[&str], codes: &[&str], at: usize) -> bool {
    // Attributes may span lines; their brackets are counted from below.
    let mut open = 0_i32;
    let mut below = at;
    while below > 0 {
        let above = below - 1;
        let (text, code) = (texts[above].trim(), codes[above].trim());
        open += code.matches([']', ')']).count() as i32 - code.matches(['[', '(']).count() as i32;
        if text.starts_with("///") || code.starts_with("#[doc") {
            return true;
        }
        below = above;
        if code.is_empty() && text.ends_with("*/") {
            let Some((first, comment)) = (0..=above).rev().find_map(|line| {
                let begin = texts[line].rfind("/*")?;
                Some((line, &texts[line][begin..]))
            }) else {
                return false;
            };
            // With a third star, or closed at once, it is a comment like any other.
            let is_doc = comment.strip_prefix("/**").is_some_and(|rest| !rest.starts_with(['*', '/']));
            if is_doc {
                return true;
            }
            below = first;
            continue;
        }
        let in_attribute = open > 0 || code.starts_with("#[");
        if !in_attribute && !text.starts_with("//") {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(file: &str, text: &str) -> Vec<usize> {
        check(file, text, &|_| None).iter().map(|finding| finding.line).collect()
    }

    fn refused(file: &str, text: &str, line: usize) {
        assert_eq!(lines(file, text), [line], "{text}");
    }

    fn passes(file: &str, text: &str) {
        assert_eq!(lines(file, text), [0; 0], "{text}");
    }

    const LIB: &str = "crates/head/src/lib.rs";

    #[test]
    fn unsafe_outside_kernels_is_refused() {
        refused(LIB, "fn f() {\n    unsafe { g() }\n}\n", 2);
        refused("crates/head/tests/a.rs", "unsafe fn f() {}\n", 1);
        passes("crates/kernels/src/lib.rs", "unsafe fn f() {}\n");
        passes(LIB, "// unsafe\nconst A: &str = \"unsafe\"; #[deny(unsafe_code)]\n");
    }

    #[test]
    fn printing_outside_the_binary_is_refused() {
        for name in PRINT_MACROS {
            refused(LIB, &format!("fn f() {{\n    {name}!(\"x\");\n}}\n"), 2);
            passes("crates/cli/src/main.rs", &format!("fn f() {{ {name}!(\"x\"); }}\n"));
            passes("crates/head/tests/a.rs", &format!("fn f() {{ {name}!(\"x\"); }}\n"));
            passes("crates/head/examples/a.rs", &format!("fn f() {{ {name}!(\"x\"); }}\n"));
            passes(LIB, &format!("#[cfg(test)]\nmod tests {{ fn f() {{ {name}!(\"x\"); }} }}\n"));
            passes(LIB, &format!("/// {name}!(\"x\")\nfn f() {{}}\n"));
        }
        refused(LIB, "fn f() { std::process::exit(1) }\n", 1);
    }

    #[test]
    fn writing_to_the_printing_streams_is_printing() {
        for name in STREAMS {
            for call in [
                format!("std::io::{name}().flush()"),
                format!("let out = {name}();"),
                format!("out.unwrap_or_else(io::{name})"),
                format!("use std::io::{name};"),
            ] {
                refused(LIB, &format!("fn f() {{}}\n{call}\n"), 2);
                passes("crates/cli/src/main.rs", &format!("{call}\n"));
                passes(LIB, &format!("#[cfg(test)]\nmod tests {{\n{call}\n}}\n"));
            }
            passes(LIB, &format!("Command::new(\"a\").{name}(Stdio::null()); let {name}_len = 1;\n"));
        }
    }

    #[test]
    fn only_a_test_module_may_print() {
        let call = "fn g() {\n    println!();\n}\n";
        refused(LIB, &format!("#[cfg(test)]\nuse a::b;\n{call}"), 4);
        refused(LIB, &format!("#[cfg(test)]\nmod tests;\n{call}"), 4);
        refused(LIB, &format!("#[cfg(test)]\nfn f() {{}}\n{call}"), 4);
        refused(LIB, &format!("#[cfg(test)]\nmod tests {{\n    fn f() {{}}\n}}\n{call}"), 6);
        passes(LIB, &format!("#[cfg(test)]\n#[allow(a)]\npub(crate) mod tests {{\n{call}}}\n"));
        refused(LIB, "#[cfg(test)]\nmod tests {}\nfn f() { std::process::exit(1) }\n", 3);
    }

    #[test]
    fn stubs_are_refused_everywhere() {
        for name in STUB_MACROS {
            refused("crates/cli/src/main.rs", &format!("fn f() {{\n    {name}!()\n}}\n"), 2);
            refused("crates/head/tests/a.rs", &format!("fn f() {{ {name}!() }}\n"), 1);
        }
    }

    #[test]
    fn tests_and_examples_that_don_t_run_are_refused() {
        refused(LIB, "#[test]\n#[ignore]\nfn f() {}\n", 2);
        refused(LIB, "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", 2);
        refused(LIB, "#[cfg_attr(windows, ignore)]\nfn f() {}\n", 1);
        refused(LIB, &format!("/// {}ignore\n/// f()\nfn f() {{}}\n", "```"), 1);
        passes(LIB, "let ignore = 1;\n");
    }

    #[test]
    fn a_public_item_without_docs_is_refused() {
        for item in [
            "pub fn f() {}",
            "pub const fn f() {}",
            "pub async fn f() {}",
            "pub struct A;",
            "pub enum A {}",
            "pub trait A {}",
            "pub mod a;",
            "pub const A: u8 = 1;",
            "pub static A: u8 = 1;",
            "pub type A = u8;",
            "    pub field: u8,",
        ] {
            refused(LIB, &format!("use a::b;\n\n#[must_use]\n{item}\n"), 4);
            refused(LIB, &format!("// no doc\n{item}\n"), 2);
            passes(LIB, &format!("/// Docs.\n{item}\n"));
            passes(LIB, &format!("/// Docs.\n#[derive(\n    Debug,\n)]\n// note\n{item}\n"));
            passes(LIB, &format!("/** Docs,\n * more. */\n#[must_use]\n{item}\n"));
            passes(LIB, &format!("/// Docs.\n/* note,\n * more */\n{item}\n"));
            refused(LIB, &format!("/* no doc */\n{item}\n"), 2);
            refused(LIB, &format!("/* no\n * doc */\n{item}\n"), 3);
            refused(LIB, &format!("/*** no doc ***/\n{item}\n"), 2);
            refused(LIB, &format!("/**/\n{item}\n"), 2);
            refused(LIB, &format!("use a; /** of something else */\n{item}\n"), 2);
        }
        passes(LIB, "pub use a::b;\npub(crate) fn f() {}\n");
        passes(LIB, "const A: &str = \"\npub fn f() {}\n\";\n");
    }

    #[test]
    fn a_module_may_carry_its_docs_inside() {
        let text = |found: &'static str| move |_: &str| Some(found.to_owned());
        assert_eq!(check(LIB, "pub mod a;\n", &text("//! Docs.\n")), []);
        assert_eq!(check(LIB, "pub mod a;\n", &text("use b;\n")).len(), 1);
    }

    #[test]
    fn a_long_file_is_refused() {
        passes(LIB, &"\n".repeat(MAX_LINES));
        refused(LIB, &"\n".repeat(MAX_LINES + 1), MAX_LINES + 1);
    }
}
