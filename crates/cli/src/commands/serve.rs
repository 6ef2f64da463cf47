//! `headstart serve`: a model over HTTP.

use headstart::{Classifier, Predictor};
use headstart_server::{Error, ModelRecord, Server};

use super::described::{backbone, given};
use crate::fault::Fault;
use crate::flags::{Flags, Serve};
use crate::outcome::Outcome;
use crate::output::note;
use crate::progress::Terminal;
use crate::signals::Signals;

pub(crate) fn run(flags: &Flags, command: &Serve) -> anyhow::Result<Outcome> {
    let (model, network) = (&command.model, &command.network);
    let classifier = Classifier::load_with(model, &network.head.options())?;
    let given = given(&network.described, model, &classifier)?;
    let complete = classifier.complete(given.clone())?;
    let device = flags.device.open()?;
    let mut terminal = Terminal::without_signals();
    let weights = network.weights.as_deref();
    let backbone = backbone(weights, model, &classifier, complete.backbone, &mut terminal)?.on(device);
    let backbone = backbone.with_precision(network.precision.into());
    let predictor =
        Predictor::with_description(&classifier, &backbone, given)?.limits(command.limits.into()).ready()?;
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let record = ModelRecord::new(name, &classifier, &complete);
    // Both may hold the weights as their file has them, which nobody needs any more.
    drop((classifier, backbone));
    let server = Server::bind(command.listen, predictor, &record, command.options()).map_err(in_flags)?;
    let address = server.address();
    let stop = server.stop();
    let signals = Signals::listen_and(move || stop.stop())?;
    note!("serving {} at http://{address} (Ctrl-C ends it)", model.display());
    if !address.ip().is_loopback() {
        note!("warning: all who reach this machine can use it: there are no passwords and no encryption");
    }
    let is_finished = server.run()?;
    // A server has no other end, so a signal is no failure.
    drop(signals);
    if !is_finished {
        note!("warning: ended while requests were being served; --grace gives them more time");
    }
    Ok(Outcome::Done)
}

/// A server's error, with the flag that it is about.
fn in_flags(error: Error) -> anyhow::Error {
    match error {
        Error::Setting { setting, message } => {
            Fault::Usage(format!("--{}: {message}", setting.replace('_', "-"))).into()
        }
        Error::Listen { .. } => anyhow::anyhow!("--listen: {error}"),
        error => error.into(),
    }
}
