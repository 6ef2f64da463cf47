//! `headstart convert`: a head from one layout to another.

use headstart::convert::{
    FlattenOrder, HeadLayer, ImportOptions, ModelMetadata, check_model_path, export_model, import_model,
};
use headstart::{Error, IfExists};
use serde::Serialize;

use crate::fault::Fault;
use crate::flags::{Convert, Flags, Order};
use crate::outcome::Outcome;
use crate::output::{give, note, say};

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    output: String,
    layers: usize,
    parameters: usize,
    from_order: FlattenOrder,
    to_order: FlattenOrder,
    metadata: ModelMetadata,
}

pub(crate) fn run(flags: &Flags, command: &Convert) -> anyhow::Result<Outcome> {
    let if_exists = if command.fresh { IfExists::Replace } else { IfExists::Refuse };
    check_model_path(&command.output, if_exists).map_err(Error::from)?;
    let safetensors = command.output.extension().is_some_and(|suffix| suffix == "safetensors");
    if safetensors && command.to_order == Order::Tf {
        let text = "--to-order tf is for Keras's files; a .safetensors model is always in the order th";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    let imported = import_model(&command.input, &import_options(command)).map_err(Error::from)?;
    let model = imported.model;
    if safetensors && model.metadata.head.is_none() {
        note!(
            "{}: does not say its activations, and so {} will not say them either; name them with --activations, \
             such as relu,sigmoid",
            command.input.display(),
            command.output.display()
        );
    }
    let to_order = command.to_order.into();
    export_model(&command.output, &model, to_order, if_exists).map_err(Error::from)?;

    let values = |layer: &HeadLayer| {
        layer.kernel.values.len() + layer.bias.as_ref().map_or(0, |bias| bias.values.len())
    };
    let report = Report {
        output: command.output.display().to_string(),
        layers: model.layers.len(),
        parameters: model.layers.iter().map(values).sum(),
        from_order: imported.flatten_order,
        to_order,
        metadata: model.metadata,
    };
    report.print(flags.json)?;
    Ok(Outcome::Done)
}

/// What the flags say that the file may not say.
fn import_options(command: &Convert) -> ImportOptions {
    let mut options = ImportOptions::default();
    options.flatten_order = command.from_order.map(Into::into);
    options.row_shape = command.row_shape.map(|shape| shape.0);
    options.activations.clone_from(&command.activations);
    options
}

impl Report {
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            give!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        say!("head      {} ({} Dense layers, {} parameters)", self.output, self.layers, self.parameters);
        let name = |order| match order {
            FlattenOrder::ChannelsFirst => "channels, height, width",
            FlattenOrder::ChannelsLast => "height, width, channels",
        };
        say!("rows      {}", name(self.to_order));
        if self.from_order != self.to_order {
            say!("reordered from {}", name(self.from_order));
        }
        Ok(())
    }
}
