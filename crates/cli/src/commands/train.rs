//! `headstart train`: features in, a trained head out.

mod fit;
mod sweep;
mod sweep_words;

use headstart::convert::check_model_path;

use self::fit::{Fitted, fit, if_exists, recipe};
use crate::fault::Fault;
use crate::flags::{Flags, Train};
use crate::outcome::Outcome;
use crate::output::give;
use crate::signals::Signals;

pub(crate) fn run(flags: &Flags, command: &Train) -> anyhow::Result<Outcome> {
    let signals = Signals::listen()?;
    if command.sweep.sweep {
        return sweep::run(flags, command, &signals);
    }
    let Some(output) = command.output.as_deref() else {
        return Err(Fault::Usage("expected an output (-o), found none".to_owned()).into());
    };
    // What costs nothing is checked first.
    check_model_path(output, if_exists(command)).map_err(headstart::Error::from)?;
    let recipe = recipe(command)?;
    recipe.options.validate(command.validation.is_some()).map_err(headstart::Error::from)?;
    match fit(flags, command, &recipe, output, &signals, None)? {
        Fitted::Written(report) if flags.json => give!("{}", serde_json::to_string_pretty(&report)?),
        Fitted::Written(report) => report.print(command.monitor.into()),
        Fitted::Interrupted(outcome) => return Ok(outcome),
    }
    Ok(Outcome::Done)
}
