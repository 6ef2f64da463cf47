//! A flag as settings see it: its name, and how its value is written.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::builder::ArgAction;
use clap::{Arg, Command};

/// Flags that say where settings are from, so can't be one.
const NOT_SETTINGS: [&str; 2] = ["config", "show-settings"];

/// A flag of the command line.
pub(super) struct Flag<'a> {
    /// As it is written on the command line, without the dashes before it.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// Between the values of a list.
    pub(super) delimiter: Option<char>,
    arg: &'a Arg,
}

/// What a flag's value is, or each of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// On or off, without a value.
    Switch,
    Integer,
    Number,
    Text,
}

/// A value that is to be written on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Switch(bool),
    Text(OsString),
}

/// The flags that a built command defines: for the root those of all commands, for a command its own.
pub(super) fn all(command: &Command) -> Vec<Flag<'_>> {
    let is_root = command.has_subcommands();
    let own = command.get_arguments().filter(|arg| arg.is_global_set() == is_root);
    let settable = own.filter_map(|arg| Some((arg, arg.get_long()?))).filter(|(arg, name)| {
        let ends = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
        );
        !ends && !NOT_SETTINGS.contains(name)
    });
    settable
        .map(|(arg, name)| Flag { name, kind: kind(arg), delimiter: arg.get_value_delimiter(), arg })
        .collect()
}

fn kind(arg: &Arg) -> Kind {
    let value = arg.get_value_parser().type_id();
    let integers = [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        Kind::Switch
    } else if integers.iter().any(|integer| value == *integer) {
        Kind::Integer
    } else if value == TypeId::of::<f32>() || value == TypeId::of::<f64>() {
        Kind::Number
    } else {
        Kind::Text
    }
}

/// Names of values that are texts of numbers.
const OF_NUMBERS: [&str; 3] = ["HxW", "CxHxW", "SIZE"];

/// Whether a flag takes numbers.
pub(super) fn is_numeric(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    let of_numbers = names.iter().any(|name| OF_NUMBERS.contains(&name.as_str()));
    arg.get_action().takes_values() && (of_numbers || matches!(kind(arg), Kind::Integer | Kind::Number))
}

impl Flag<'_> {
    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// `HEADSTART_<COMMAND>_<FLAG>`, or `HEADSTART_<FLAG>` for a flag of all commands.
    pub(super) fn variable(&self, command: Option<&str>) -> String {
        let command = command.map(|command| format!("{command}_")).unwrap_or_default();
        format!("HEADSTART_{command}{}", self.name).replace('-', "_").to_uppercase()
    }

    /// A variable's text as the flag's value, or what was expected.
    pub(super) fn parse(&self, text: &OsStr) -> Result<Value, &'static str> {
        match (self.kind, text.to_str()) {
            (Kind::Switch, Some("true")) => Ok(Value::Switch(true)),
            (Kind::Switch, Some("false")) => Ok(Value::Switch(false)),
            (Kind::Switch, _) => Err("expected true or false"),
            _ => Ok(Value::Text(text.to_owned())),
        }
    }

    /// Values as a settings file has them.
    pub(super) fn toml<'b>(&self, raw: impl Iterator<Item = &'b OsStr>) -> String {
        let literals: Vec<String> = raw.map(|raw| self.kind.toml(&raw.to_string_lossy())).collect();
        let literals = literals.join(", ");
        if self.delimiter.is_some() { format!("[{literals}]") } else { literals }
    }
}

impl Kind {
    /// A value of a command line as TOML writes it; Rust reads numbers such as `.5` and `007` that TOML does not.
    fn toml(self, raw: &str) -> String {
        let integer = || Some(raw.parse::<u64>().ok()?.to_string());
        let number = || Some(raw.parse::<f64>().ok()?.to_string());
        match self {
            Self::Switch => raw.to_owned(),
            Self::Integer | Self::Number => integer().or_else(number).unwrap_or_else(|| raw.to_owned()),
            // A string of JSON is one of TOML.
            Self::Text => serde_json::Value::from(raw).to_string(),
        }
    }
}

/// As clap's errors name it: `--batch-size <N>`.
impl fmt::Display for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arg.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::built;

    #[test]
    fn a_variable_is_that_of_one_flag_and_not_that_of_the_kernels() {
        let command = built();
        let own = command.get_subcommands().flat_map(|table| {
            all(table).into_iter().map(|flag| flag.variable(Some(table.get_name()))).collect::<Vec<_>>()
        });
        let mut variables: Vec<String> =
            all(&command).iter().map(|flag| flag.variable(None)).chain(own).collect();
        assert!(variables.iter().any(|variable| variable == "HEADSTART_EXTRACT_BATCH_SIZE"), "{variables:?}");
        assert!(variables.iter().any(|variable| variable == "HEADSTART_THREADS"), "{variables:?}");
        variables.extend([
            "HEADSTART_KERNELS".to_owned(),
            "HEADSTART_CONFIG".to_owned(),
            "HEADSTART_WEIGHTS".to_owned(),
        ]);
        let count = variables.len();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), count);
    }

    #[test]
    fn what_a_flag_takes_is_told_by_its_definition() {
        let command = built();
        let kind = |table: &str, name: &str| {
            let table = command.find_subcommand(table).unwrap();
            let flag = all(table).into_iter().find(|flag| flag.name == name).unwrap();
            (flag.kind, flag.delimiter.is_some())
        };
        assert_eq!(kind("extract", "fresh"), (Kind::Switch, false));
        assert_eq!(kind("extract", "batch-size"), (Kind::Integer, false));
        assert_eq!(kind("extract", "max-side"), (Kind::Integer, false));
        assert_eq!(kind("extract", "max-image-memory"), (Kind::Text, false));
        assert_eq!(kind("train", "dropout"), (Kind::Number, false));
        assert_eq!(kind("train", "counts"), (Kind::Integer, true));
        assert_eq!(kind("convert", "activations"), (Kind::Text, true));
    }
}
