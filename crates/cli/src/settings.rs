//! Where flags' values come from: the command line, else the environment, else a settings file, else the default.
//!
//! What the environment or the file sets is added to the arguments as `--flag=value`, and clap reads them all. So names,
//! types and what goes together are defined once, by the flags, and an error is the same wherever its value is from.

mod file;
mod flag;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::fault::Fault;
use crate::flags::Flags;
use crate::outcome::Outcome;
use crate::output::{give, note, set_loudness};
use file::File;
use flag::{Flag, Value};

/// The file that is read where neither a flag nor a variable names one.
const DEFAULT_FILE: &str = "headstart.toml";

/// The source of a value that is set nowhere.
const DEFAULT: &str = "default";

/// The flags, and where each value is from.
pub(crate) struct Settings {
    pub(crate) flags: Flags,
    matches: ArgMatches,
    taken: Vec<Taken>,
}

/// A flag's value that is not from the command line.
struct Taken {
    id: String,
    /// As clap's errors name it.
    name: String,
    source: String,
}

impl Settings {
    /// Reads the arguments, the environment and the settings file; ends the process as clap does where help is asked
    /// for or a flag is refused.
    ///
    /// # Errors
    /// A usage error that names the file and the line, or the variable.
    pub(crate) fn read(given_arguments: Vec<OsString>) -> anyhow::Result<Self> {
        let mut arguments = given_arguments.clone();
        // What is wrong with the command line is told by the second reading; help and version end the first.
        let given = command().ignore_errors(true).try_get_matches_from(&arguments);
        let given = given.unwrap_or_else(|error| error.exit());
        // Before the settings are read, for that is told, too.
        let quiet = given.try_get_one::<bool>("quiet").ok().flatten();
        set_loudness(quiet.copied().unwrap_or_default(), false);
        let taken = match given.subcommand() {
            Some((name, given)) => add_settings(&mut arguments, name, given)?,
            None => Vec::new(),
        };
        let matches = command().try_get_matches_from(&arguments);
        let read = matches.and_then(|matches| Ok((Flags::from_arg_matches(&matches)?, matches)));
        let (mut flags, matches) = read.unwrap_or_else(|error| refuse(&error, &taken));
        flags.arguments = given_arguments;
        Ok(Self { flags, matches, taken })
    }

    /// Prints the settings of the command that was given, as a settings file would have them.
    pub(crate) fn show(&self) -> Outcome {
        let command = built();
        let Some((name, matches)) = self.matches.subcommand() else { return Outcome::Done };
        for (table, flags) in tables(&command, name) {
            if let Some(table) = table {
                give!("\n[{table}]");
            }
            for flag in flags {
                let Some(raw) = matches.get_raw(flag.id()) else {
                    give!("# {} is not set", flag.name);
                    continue;
                };
                let source = self.source(&flag, matches);
                // A default is not set: where it were, flags that it is for would be asked for.
                let mark = if source == DEFAULT { "# " } else { "" };
                give!("{mark}{} = {}  # {source}", flag.name, flag.toml(raw));
            }
        }
        Outcome::Done
    }

    fn source<'a>(&'a self, flag: &Flag<'_>, matches: &ArgMatches) -> &'a str {
        let taken = self.taken.iter().find(|taken| taken.id == flag.id());
        match (taken, matches.value_source(flag.id())) {
            (Some(taken), _) => &taken.source,
            (None, Some(ValueSource::CommandLine)) => "command line",
            (None, _) => DEFAULT,
        }
    }
}

/// The command as its flags define it. A number may be negative: its flag says what is wrong with it, where clap would take
/// it for another flag.
fn command() -> clap::Command {
    let numeric = |arg: clap::Arg| {
        let negative = flag::is_numeric(&arg);
        if negative { arg.allow_hyphen_values(true) } else { arg }
    };
    Flags::command().mut_args(numeric).mut_subcommands(move |command| command.mut_args(numeric))
}

/// The command with all that clap adds to a definition, to be looked over.
fn built() -> clap::Command {
    let mut command = command();
    command.build();
    command
}

/// The flags of all commands, and those of one.
fn tables<'a>(command: &'a clap::Command, name: &'a str) -> [(Option<&'a str>, Vec<Flag<'a>>); 2] {
    let own = command.find_subcommand(name).map_or_else(Vec::new, flag::all);
    [(None, flag::all(command)), (Some(name), own)]
}

/// Adds the values that `given` lacks, and tells which.
fn add_settings(arguments: &mut Vec<OsString>, name: &str, given: &ArgMatches) -> anyhow::Result<Vec<Taken>> {
    let command = built();
    let file = open_file(&command, given)?;
    let mut taken = Vec::new();
    let mut added = Vec::new();
    for (table, flags) in tables(&command, name) {
        if table.is_some() {
            note_misspelt_variables(name, &flags);
        }
        for flag in flags {
            if given.value_source(flag.id()) == Some(ValueSource::CommandLine) {
                continue;
            }
            let variable = flag.variable(table);
            let found = match text_of(&variable) {
                Some(text) => {
                    let value = flag.parse(&text).map_err(|expected| {
                        Fault::Usage(format!("{variable}={}: {expected}", text.display()))
                    })?;
                    Some((value, variable))
                }
                None => file.as_ref().and_then(|file| file.get(table, flag.name)),
            };
            let Some((value, source)) = found else { continue };
            added.extend(argument(flag.name, value));
            taken.push(Taken { id: flag.id().to_owned(), name: flag.to_string(), source });
        }
    }
    // After the last flag of the command line, so that an error of its own comes first.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, added);
    Ok(taken)
}

/// What is written on a command line for a value; nothing for a switch that is off.
fn argument(flag: &str, value: Value) -> Option<OsString> {
    match value {
        Value::Switch(false) => None,
        Value::Switch(true) => Some(format!("--{flag}").into()),
        Value::Text(text) => {
            let mut argument = OsString::from(format!("--{flag}="));
            argument.push(text);
            Some(argument)
        }
    }
}

/// The file that `--config` names, else `HEADSTART_CONFIG`, else the default one where it exists.
fn open_file(command: &clap::Command, given: &ArgMatches) -> anyhow::Result<Option<File>> {
    let flag = given.try_get_one::<PathBuf>("config").ok().flatten();
    if let Some(path) = flag.cloned().or_else(|| text_of("HEADSTART_CONFIG").map(PathBuf::from)) {
        return File::read(&path, command).map(Some);
    }
    let path = Path::new(DEFAULT_FILE);
    if !path.exists() {
        return Ok(None);
    }
    note!("settings from {DEFAULT_FILE}");
    File::read(path, command).map(Some)
}

/// Tells of variables that nearly name a flag of the command. It is no error: others put variables there, too, as
/// Kubernetes does for a service `headstart-train`.
fn note_misspelt_variables(command: &str, flags: &[Flag<'_>]) {
    let known: Vec<String> = flags.iter().map(|flag| flag.variable(Some(command))).collect();
    let prefix = format!("HEADSTART_{}_", command.to_uppercase());
    let names: Vec<&str> = known.iter().filter_map(|known| known.strip_prefix(&prefix)).collect();
    for variable in env::vars_os().filter_map(|(variable, _)| variable.into_string().ok()) {
        let Some(name) = variable.strip_prefix(&prefix).filter(|name| !names.contains(name)) else {
            continue;
        };
        if let Some(nearest) = file::nearest(name, &names) {
            note!("note: {variable} is no flag's variable; the nearest is {prefix}{nearest}");
        }
    }
}

/// A variable's value, where it is set and not empty.
fn text_of(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|text| text != OsStr::new(""))
}

/// Ends the process with clap's error, and tells where the values that it is about are from.
fn refuse(error: &clap::Error, taken: &[Taken]) -> ! {
    // There is nowhere left to tell that this failed.
    let _ = error.print();
    let named = |name: &str| {
        [ContextKind::InvalidArg, ContextKind::PriorArg].iter().any(|kind| match error.get(*kind) {
            Some(ContextValue::String(text)) => text == name,
            Some(ContextValue::Strings(texts)) => texts.iter().any(|text| text == name),
            _ => false,
        })
    };
    // clap does not say which flag it is that requires the one that lacks.
    let all = error.kind() == ErrorKind::MissingRequiredArgument;
    for Taken { name, source, .. } in taken.iter().filter(|taken| all || named(&taken.name)) {
        note!("note: {name} is from {source}");
    }
    std::process::exit(error.exit_code())
}
