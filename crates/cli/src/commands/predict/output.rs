//! Answers as lines: for a person, as JSON, as CSV.

use std::borrow::Cow;

use headstart::{AnswerRecord, Prediction, Refusal, UNKNOWN};

use crate::flags::{Format, Predict};

/// Columns of a class's name at most.
const NAME: usize = 30;

/// Answers in one format.
pub(super) struct Printer<'a> {
    classes: &'a [String],
    format: Format,
    top_k: Option<usize>,
    refusal: Refusal,
    /// Whether the model tells how unlike an image is to those it knows.
    has_novelty: bool,
    /// Of a class's name in a table.
    width: usize,
}

impl<'a> Printer<'a> {
    pub(super) fn new(classes: &'a [String], format: Format, command: &Predict) -> Self {
        let top_k = command.top_k.map(|k| k.min(classes.len()));
        let names = classes.iter().map(String::as_str).chain([UNKNOWN]);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0).min(NAME);
        let refusal = Refusal { reject: command.reject.unwrap_or(0.0), answer_all: command.answer_all };
        Self { classes, format, top_k, refusal, has_novelty: false, width }
    }

    /// Adds how unlike an image is to those that the model knows.
    pub(super) fn with_novelty(mut self) -> Self {
        self.has_novelty = true;
        self
    }

    /// What stands above the answers.
    pub(super) fn heading(&self) -> Option<String> {
        if self.format != Format::Csv {
            return None;
        }
        let mut names = ["path", "label", "probability", "error"].map(str::to_owned).to_vec();
        for k in 1..=self.top_k.unwrap_or(0) {
            names.extend([format!("label_{k}"), format!("probability_{k}")]);
        }
        names.extend(self.has_novelty.then(|| "novelty".to_owned()));
        Some(csv(&names))
    }

    /// Whether the lines are for a person, not for a program.
    pub(super) fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// The class that is answered.
    pub(super) fn label<'b>(&self, prediction: &'b Prediction) -> &'b str {
        self.refusal.label(prediction, self.classes)
    }

    /// The line of an image with its classes.
    pub(super) fn answer(&self, path: &str, prediction: &Prediction) -> anyhow::Result<String> {
        self.line(&AnswerRecord::new(Some(path), prediction, self.classes, self.refusal, self.top_k))
    }

    /// The line of an image that has no answer, with the reason.
    pub(super) fn failure(&self, path: &str, error: &str) -> anyhow::Result<String> {
        self.line(&AnswerRecord::failure(Some(path), error, self.top_k))
    }

    fn line(&self, answer: &AnswerRecord<'_>) -> anyhow::Result<String> {
        Ok(match self.format {
            Format::Jsonl => serde_json::to_string(answer)?,
            Format::Csv => csv(&self.fields(answer)),
            Format::Table => self.row(answer),
        })
    }

    fn fields(&self, answer: &AnswerRecord<'_>) -> Vec<String> {
        let number = |probability: Option<f32>| probability.map(|p| p.to_string()).unwrap_or_default();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let mut fields =
            vec![text(answer.path), text(answer.label), number(answer.probability), text(answer.error)];
        let top = answer.top.as_deref().unwrap_or_default();
        for k in 0..self.top_k.unwrap_or(0) {
            let ranked = top.get(k);
            fields.push(text(ranked.map(|ranked| ranked.label)));
            fields.push(number(ranked.map(|ranked| ranked.probability)));
        }
        fields.extend(self.has_novelty.then(|| number(answer.novelty)));
        fields
    }

    /// The path comes last, for its length is anyone's guess.
    fn row(&self, answer: &AnswerRecord<'_>) -> String {
        let width = self.width;
        let column = |label: &str, probability: Option<f32>| {
            let probability = probability.map_or("-".to_owned(), |p| format!("{p:.4}"));
            format!("{label:<width$}  {probability:<6}  ")
        };
        let mut row = column(answer.label.unwrap_or("-"), answer.probability);
        let top = answer.top.as_deref().unwrap_or_default();
        // With a column for each of the K classes the label is told apart from the first only where it was rejected.
        for k in 0..self.top_k.unwrap_or(0) {
            let ranked = top.get(k);
            row +=
                &column(ranked.map_or("-", |ranked| ranked.label), ranked.map(|ranked| ranked.probability));
        }
        row + answer.path.unwrap_or_default()
    }
}

/// A line of CSV, as RFC 4180 has it.
fn csv(fields: &[String]) -> String {
    fields.iter().map(|field| quoted(&guarded(field)).into_owned()).collect::<Vec<_>>().join(",")
}

/// A cell that no spreadsheet runs as a formula: an apostrophe before the characters that begin one (OWASP, "CSV
/// Injection"). No number here is negative.
fn guarded(field: &str) -> Cow<'_, str> {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
}

fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_would_be_read_as_another_field_or_line() {
        let fields = ["plain", "a,b", "say \"hi\"", "two\nlines", "", " space "].map(str::to_owned);
        assert_eq!(csv(&fields), "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",, space ");
    }

    #[test]
    fn csv_has_no_cell_that_a_spreadsheet_would_run() {
        let fields = ["=cmd()", "+1", "-x.png", "@SUM(A1)", "\t=1", "a=b", "0.5"].map(str::to_owned);
        assert_eq!(csv(&fields), "'=cmd(),'+1,'-x.png,'@SUM(A1),'\t=1,a=b,0.5");
    }
}
