//! Rules for Rust sources that rustc and clippy can't check: the length of a file, and tests and examples that don't run.
//!
//! Unsafe code, printing, stubs and missing docs are left to the lints of the root's Cargo.toml and to clippy.toml.

use super::Finding;
use super::plain_text::has_word;

/// A longer file holds more than one idea.
const MAX_LINES: usize = 500;

/// Checks a Rust source.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(Finding::new(
            file,
            lines,
            format!("expected at most {MAX_LINES} lines, found {lines}"),
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if line.starts_with("#[") && has_word(line, "ignore") {
            findings.push(Finding::new(file, number, "expected a test that runs, found an ignored one"));
        }
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        if doc.is_some_and(is_ignored_example) {
            findings.push(ignored_example(file, number));
        }
    }
    findings
}

/// Checks a crate's README, whose examples run as doctests.
pub(crate) fn check_readme(file: &str, text: &str) -> Vec<Finding> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| is_ignored_example(line));
    lines.map(|(number, _)| ignored_example(file, number)).collect()
}

fn ignored_example(file: &str, line: usize) -> Finding {
    Finding::new(file, line, "expected an example that compiles, found an ignored one")
}

/// Whether a line of Markdown begins an example that is neither compiled nor run.
fn is_ignored_example(line: &str) -> bool {
    line.trim_start().strip_prefix("```").is_some_and(|info| has_word(info, "ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "crates/head/src/lib.rs";

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_long_file_is_refused() {
        assert_eq!(check(LIB, &"\n".repeat(MAX_LINES)), []);
        assert_eq!(lines(&check(LIB, &"\n".repeat(MAX_LINES + 1))), [MAX_LINES + 1]);
    }

    #[test]
    fn a_test_that_does_not_run_is_refused() {
        assert_eq!(lines(&check(LIB, "#[test]\n#[ignore]\nfn f() {}\n")), [2]);
        assert_eq!(lines(&check(LIB, "    #[test]\n    #[ignore = \"slow\"]\n    fn f() {}\n")), [2]);
        assert_eq!(lines(&check(LIB, "#[cfg_attr(windows, ignore)]\nfn f() {}\n")), [1]);
        assert_eq!(check(LIB, "#[serde(ignored)]\nlet ignore = 1;\n// #[ignore]\n"), []);
    }

    #[test]
    fn an_example_that_does_not_run_is_refused() {
        for fence in ["```ignore", "```rust,ignore", " ``` ignore"] {
            assert_eq!(lines(&check(LIB, &format!("//! Docs.\n//!\n//!{fence}\n"))), [3], "{fence}");
            assert_eq!(lines(&check(LIB, &format!("    ///{fence}\n    /// f()\n"))), [1], "{fence}");
            assert_eq!(lines(&check_readme("crates/head/README.md", &format!("Text.\n\n{fence}\n"))), [3]);
        }
        for text in ["/// ```\n", "/// ```text\n", "/// ignore\n", "// ```ignore\n"] {
            assert_eq!(check(LIB, text), [], "{text}");
        }
        assert_eq!(check_readme("crates/head/README.md", "```rust\nignore();\n```\n"), []);
    }
}
