//! The settings file: TOML with a table for each command, whose keys are the flags' names.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Command;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::flag::{self, Flag, Kind, Value};
use crate::fault::Fault;

/// How alike a name must be to be suggested, from 0 to 1: as clap has it for flags.
const ALIKE: f64 = 0.7;

/// The values of a settings file, in its order.
pub(super) struct File {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// The command whose flag it is; none for a flag of all commands.
    table: Option<String>,
    flag: String,
    value: Value,
    line: usize,
}

/// What is wrong, and where in the text.
struct Problem {
    span: Range<usize>,
    text: String,
}

impl File {
    /// Reads and checks a whole file: the tables of other commands, too.
    ///
    /// # Errors
    /// A usage error that names the file, the line and the key, and what was expected.
    pub(super) fn read(path: &Path, command: &Command) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Fault::Usage(format!("{name}: cannot read the settings: {e}")))?;
        let entries = parse(&text, command).map_err(|problem| {
            Fault::Usage(format!("{name}:{}: {}", line(&text, &problem.span), problem.text))
        })?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// A flag's value, and the file and the line that it is from.
    pub(super) fn get(&self, table: Option<&str>, flag: &str) -> Option<(Value, String)> {
        let entry =
            self.entries.iter().find(|entry| entry.table.as_deref() == table && entry.flag == flag)?;
        Some((entry.value.clone(), format!("{}:{}", self.path.display(), entry.line)))
    }
}

fn parse(text: &str, command: &Command) -> Result<Vec<Entry>, Problem> {
    let document = DeTable::parse(text).map_err(|error| Problem {
        span: error.span().unwrap_or_default(),
        text: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    for (key, value) in in_order(document.get_ref()) {
        let Some(table) = find_table(command, key.get_ref()) else {
            entries.push(entry(text, command, command, key, value)?);
            continue;
        };
        let DeValue::Table(keys) = value.get_ref() else {
            return Err(unexpected(key.get_ref(), format!("a table [{}]", table.get_name()), value));
        };
        for (key, value) in in_order(keys) {
            entries.push(entry(text, command, table, key, value)?);
        }
    }
    Ok(entries)
}

type Pair<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Pair<'a, 'i>> {
    let mut pairs: Vec<Pair<'a, 'i>> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

/// The command that a table is for.
fn find_table<'a>(command: &'a Command, name: &str) -> Option<&'a Command> {
    tables(command).find(|table| table.get_name() == name)
}

fn tables(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|table| table.get_name() != "help")
}

fn entry(
    text: &str,
    root: &Command,
    table: &Command,
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Entry, Problem> {
    let name = key.get_ref();
    let command = (!table.has_subcommands()).then(|| table.get_name().to_owned());
    let full = command.as_ref().map_or(name.to_string(), |command| format!("{command}.{name}"));
    let flags = flag::all(table);
    let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
        return Err(Problem { span: key.span(), text: format!("{full}: {}", unknown(name, table, root)) });
    };
    let value = convert(flag, &full, value)?;
    Ok(Entry { table: command, flag: name.to_string(), value, line: line(text, &key.span()) })
}

/// Why a key of a table is refused: where it belongs, or the nearest known one, or else all of them.
fn unknown(name: &str, table: &Command, root: &Command) -> String {
    let names = |table| flag::all(table).into_iter().map(|flag| flag.name);
    let is_root = table.has_subcommands();
    if table.get_positionals().any(|positional| positional.get_id() == name) {
        return format!("expected a flag's name; {name} is given on the command line alone");
    }
    if !is_root && names(root).any(|known| known == name) {
        return format!("expected a flag of the command; {name} stands before the first table");
    }
    let owner = tables(root).find(|table| names(table).any(|known| known == name));
    if let Some(owner) = owner.filter(|_| is_root) {
        return format!(
            "expected a flag of all commands; {name} stands in a table such as [{}]",
            owner.get_name()
        );
    }
    let known: Vec<&str> = names(table).chain(tables(table).map(Command::get_name)).collect();
    let what = if is_root { "flag of all commands, and no command" } else { "flag of the command" };
    match nearest(name, &known) {
        Some(nearest) => format!("no {what}; the nearest is {nearest}"),
        None if known.is_empty() => format!("no {what}, which has none of its own"),
        None => format!("no {what}; expected one of {}", known.join(", ")),
    }
}

/// The known name that is most like one that is not, if any is.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let alike = known.iter().map(|known| (strsim::jaro(known, name), *known));
    let nearest = alike.filter(|(alike, _)| *alike > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map(|(_, known)| known)
}

fn convert(flag: &Flag<'_>, full: &str, value: &Spanned<DeValue<'_>>) -> Result<Value, Problem> {
    let Some(delimiter) = flag.delimiter else {
        return match (flag.kind, value.get_ref()) {
            (Kind::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            _ => scalar(flag.kind, full, value).map(|text| Value::Text(text.into())),
        };
    };
    let DeValue::Array(values) = value.get_ref() else {
        return Err(unexpected(full, format!("a list of {}s", flag.kind.name()), value));
    };
    let texts: Result<Vec<String>, Problem> =
        values.iter().map(|value| scalar(flag.kind, full, value)).collect();
    Ok(Value::Text(texts?.join(&delimiter.to_string()).into()))
}

/// A value as it would be written on a command line.
fn scalar(kind: Kind, full: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Problem> {
    match (kind, value.get_ref()) {
        (Kind::Text, DeValue::String(text)) => Ok(text.to_string()),
        (Kind::Number, DeValue::Float(number)) => Ok(number.as_str().to_owned()),
        (Kind::Integer | Kind::Number, DeValue::Integer(number)) => {
            // One that is too large is left to the flag to refuse.
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Ok(decimal.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        _ => Err(unexpected(full, format!("a {}", kind.name()), value)),
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Switch => "boolean",
            Self::Integer => "whole number",
            Self::Number => "number",
            Self::Text => "string",
        }
    }
}

fn unexpected(full: &str, expected: impl Display, found: &Spanned<DeValue<'_>>) -> Problem {
    let found_name = match found.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Problem { span: found.span(), text: format!("{full}: expected {expected}, found {found_name}") }
}

/// The line where a span begins, from 1.
fn line(text: &str, span: &Range<usize>) -> usize {
    1 + text.bytes().take(span.start).filter(|&byte| byte == b'\n').count()
}
