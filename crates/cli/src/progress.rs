//! Progress on standard error: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` things, with their rate and the time left.
pub(crate) fn bar(length: usize, what: &str) -> ProgressBar {
    // Without a terminal indicatif draws nothing.
    let template = format!("{{msg}} [{{bar:32}}] {{pos}}/{{len}} {what}, {{per_sec:.1}}, {{eta}} left");
    // The template is constant; were it wrong, indicatif's own style is as good.
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style.progress_chars("=> "))
}
