//! Rules for every text file: no path of someone's machine, no mark of unfinished work.

use super::Finding;

/// First folders of absolute paths that exist on one machine only: homes, work folders and scratch folders.
const MACHINE_FOLDERS: &[&str] = &["root", "home", "Users", "work", "tmp"];

/// Marks of unfinished work, in two parts because this file is checked too.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

/// Checks a text line by line.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            let message = format!("expected no path of one machine, found one that begins with {folder:?}");
            findings.push(Finding::new(file, number, message));
        }
        if let Some(mark) = MARKS.iter().find(|mark| has_word(line, mark)) {
            findings.push(Finding::new(file, number, format!("expected finished work, found {mark}")));
        }
    }
    findings
}

/// Whether `word` occurs in `text` as a word of its own.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

/// Whether an absolute path in the line begins with this folder. A path that goes on before the slash (an
/// address, a relative path, a variable) is not absolute.
fn names_folder(line: &str, folder: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "_-.~/}*\\)>]".contains(c);
    let part_of_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    line.match_indices(folder).any(|(at, _)| {
        let Some(before) = line[..at].strip_suffix('/') else { return false };
        !before.ends_with(goes_on) && !line[at + folder.len()..].starts_with(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_path_is_refused_with_its_line() {
        for folder in MACHINE_FOLDERS {
            for line in [format!("/{folder}/x"), format!("cd /{folder}"), format!("let p = \"/{folder}/a\";")]
            {
                let found = check("notes.md", &format!("first\n{line}\n"));
                assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2], "{line}");
            }
        }
    }

    #[test]
    fn other_paths_pass() {
        for line in
            ["https://example.org/home/page", "src/work/x", "../home/x", "$DIR/tmp/x", "a / home", "/homes/x"]
        {
            assert_eq!(check("notes.md", line), [], "{line}");
        }
    }

    #[test]
    fn unfinished_work_is_refused() {
        for mark in MARKS {
            assert_eq!(check("a.rs", &format!("// {mark}: later")).len(), 1);
            assert_eq!(check("a.py", &format!("# {mark}")).len(), 1);
        }
        assert_eq!(check("a.rs", "let todo = 1;"), []);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("rust,ignore", "ignore") && has_word("ignore", "ignore"));
        assert!(!has_word("ignored", "ignore") && !has_word("no_ignore", "ignore"));
    }
}
