//! Standard output, where results go, and standard error, where notes go.
//!
//! Neither may end a run: a reader that closes its end has read all it wanted. Any other failure to write a result
//! is told at the end, by [`finish`].

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Writes a line of the result, for a person.
macro_rules! say {
    ($($text:tt)*) => { crate::output::result_line(&crate::output::escaped(&format!($($text)*))) };
}
/// Writes lines of the result for a program, such as JSON, to the byte.
macro_rules! give {
    ($($text:tt)*) => { crate::output::result_line(&format!($($text)*)) };
}
/// Writes a line that is no result: what was found, what was skipped, how it goes on.
macro_rules! note {
    ($($text:tt)*) => { crate::output::note_line(&crate::output::escaped(&format!($($text)*))) };
}
pub(crate) use {give, note, say};

/// Whether nobody reads the result any more.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether only results and errors are written.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether the figures of each epoch are written wherever they go.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// The first failure to write a result.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// A line as a terminal may show it. Names of files can hold anything: a line break would look like another line, other
/// control characters could clear the screen, and marks of direction could make a name look like another one.
pub(crate) fn escaped(line: &str) -> Cow<'_, str> {
    if !line.contains(is_unsafe) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + 8);
    for character in line.chars() {
        if is_unsafe(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters; Unicode's line ends; characters that set the direction of text (Unicode annex 9, table 1) or that
/// are not seen.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61C}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{2069}'
                | '\u{FEFF}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

pub(crate) fn result_line(text: &str) {
    keep(writeln!(io::stdout(), "{text}"));
}

/// Says how much is written to standard error: nothing but errors, or the figures of each epoch too.
pub(crate) fn set_loudness(quiet: bool, verbose: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Whether only results and errors are written.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Whether the figures of each epoch are written: to a person, or where they are asked for.
pub(crate) fn shows_epochs() -> bool {
    VERBOSE.load(Ordering::Relaxed) || io::stderr().is_terminal()
}

/// Writes an error, which nothing keeps quiet.
pub(crate) fn error_line(message: &str) {
    // There is nowhere left to tell that this failed.
    let _ = writeln!(io::stderr(), "{}", coloured(&escaped(&format!("headstart: {message}")), has_colour()));
}

/// Whether standard error has colours: on a terminal, unless NO_COLOR is set (<https://no-color.org>) or it has none. clap
/// decides so for its help and its errors.
fn has_colour() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    io::stderr().is_terminal() && !set("NO_COLOR") && !(dumb && cfg!(unix))
}

/// A line whose first word is in the colour that clap has for its kind: red for an error, yellow for a warning, both bold.
fn coloured(line: &str, colour: bool) -> Cow<'_, str> {
    let kinds = [("headstart:", "31"), ("warning:", "33"), ("note:", "32")];
    let kind = kinds.iter().find_map(|(word, code)| Some((word, code, line.strip_prefix(word)?)));
    match kind.filter(|_| colour) {
        Some((word, code, rest)) => Cow::Owned(format!("\u{1b}[1;{code}m{word}\u{1b}[0m{rest}")),
        None => Cow::Borrowed(line),
    }
}

pub(crate) fn note_line(text: &str) {
    if is_quiet() {
        return;
    }
    let text = coloured(text, has_colour());
    // There is nowhere left to tell that this failed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Tells whether the reader of the result has closed its end, so that there is no one to compute more for.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Tells whether all of the result was written.
pub(crate) fn finish() -> io::Result<()> {
    keep(io::stdout().flush());
    let failure = FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    failure.map_or(Ok(()), Err)
}

fn keep(outcome: io::Result<()>) {
    let Err(error) = outcome else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        CLOSED.store(true, Ordering::Relaxed);
    } else {
        FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_of_a_message_has_a_colour() {
        assert_eq!(coloured("warning: a: b", true), "\u{1b}[1;33mwarning:\u{1b}[0m a: b");
        assert_eq!(coloured("headstart: a", true), "\u{1b}[1;31mheadstart:\u{1b}[0m a");
        assert_eq!(coloured("a warning: b", true), "a warning: b");
        assert_eq!(coloured("warning: a", false), "warning: a");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (line, shown) in [
            ("cats/plain é 猫.png", "cats/plain é 猫.png"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gnp.\u{202e}jpg", "gnp.\\u{202e}jpg"),
            ("\u{2066}a\u{200f}\u{2028}\u{feff}", "\\u{2066}a\\u{200f}\\u{2028}\\u{feff}"),
        ] {
            assert_eq!(escaped(line), shown);
        }
    }
}
