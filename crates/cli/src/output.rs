//! Standard output, where results go.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line of the result.
macro_rules! say {
    ($($text:tt)*) => { crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// A reader that has closed its end (`headstart inspect ... | head`) has read all it wanted: not an error.
pub(crate) fn line(text: Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
