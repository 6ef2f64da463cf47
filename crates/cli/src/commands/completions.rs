//! `headstart completions`: a shell's completion script, from the flags' definition.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::flags::{Completions, Flags};
use crate::outcome::Outcome;
use crate::output::give;

pub(crate) fn run(command: &Completions) -> anyhow::Result<Outcome> {
    give!("{}", script(command.shell)?.trim_end());
    Ok(Outcome::Done)
}

fn script(shell: Shell) -> anyhow::Result<String> {
    let mut script = Vec::new();
    generate(shell, &mut Flags::command(), "headstart", &mut script);
    Ok(String::from_utf8(script)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_completes_every_command_and_flag() {
        let mut root = Flags::command();
        root.build();
        for shell in Shell::value_variants() {
            let script = script(*shell).unwrap();
            let dashes = if *shell == Shell::Fish { "-l " } else { "--" };
            for command in root.get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
                for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                    assert!(script.contains(&format!("{dashes}{flag}")), "{shell}: --{flag}");
                }
            }
        }
    }

    #[test]
    fn sizes_presets_and_networks_are_completed() {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            let script = script(shell).unwrap();
            for value in ["150x150", "224x224", "260x260", "caffe", "inception", "efficientnet_lite2"] {
                assert!(script.contains(value), "{shell}: {value}");
            }
        }
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        let root = Flags::command();
        for command in root.get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            let example = format!("headstart {} ", command.get_name());
            let examples = help.split_once("Example").map_or("", |(_, examples)| examples);
            assert!(examples.contains(&example), "{help}");
        }
    }
}
