//! `headstart convert`: a head from one layout to another.

use anyhow::Context;
use headstart_head::LayerConfig;
use headstart_weights::{
    Error as WeightsError, FlattenOrder, HeadLayer, ImportOptions, Model, ModelMetadata, SaveOptions,
    check_model_path, export_model, import_model,
};
use serde::Serialize;

use crate::flags::{Convert, Flags, Order};
use crate::outcome::{Fault, Outcome};
use crate::output::{note, say};

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
    let save = SaveOptions { overwrite: command.fresh };
    check_model_path(&command.output, &save)?;
    let safetensors = command.output.extension().is_some_and(|suffix| suffix == "safetensors");
    if safetensors && command.to_order == Order::Tf {
        let text = "--to-order tf is for Keras's files; a .safetensors model is always in the order th";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    let options = ImportOptions {
        flatten_order: command.from_order.map(Into::into),
        row_shape: command.row_shape.map(|shape| shape.0),
    };
    let imported = import_model(&command.input, &options).map_err(with_flag)?;
    let mut model = imported.model;
    settle_layers(command, &mut model)?;
    if safetensors && model.metadata.head.is_none() {
        note!(
            "{}: says no activations, and so {} will not either; name them with --activations, such as relu,sigmoid",
            command.input.display(),
            command.output.display()
        );
    }
    let to_order = command.to_order.into();
    export_model(&command.output, &model, to_order, &save).map_err(with_flag)?;

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

/// Says which flag answers a question that the file leaves open.
fn with_flag(error: WeightsError) -> anyhow::Error {
    let flag = match error {
        WeightsError::UnknownRowShape { .. } => "give it with --row-shape, such as 512x4x4",
        WeightsError::UnclearOrder { .. } => {
            "give it with --from-order th (channels first) or tf (channels last)"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(flag)
}

/// The head's layers are ones that this headstart computes: those that the file lists, or Dense layers with the
/// activations that were named.
fn settle_layers(command: &Convert, model: &mut Model) -> anyhow::Result<()> {
    let path = command.input.display();
    let metadata = &mut model.metadata;
    match (&metadata.head, &command.activations) {
        (Some(_), Some(_)) => {
            let text = format!("{path}: says its activations itself; leave --activations out");
            Err(Fault::Usage(text).into())
        }
        (Some(head), None) => match serde_json::from_value::<Vec<LayerConfig>>(head.clone()) {
            Ok(_) => Ok(()),
            Err(reason) => {
                Err(Fault::BadData(format!("{path}: expected layers that headstart has: {reason}")).into())
            }
        },
        (None, Some(activations)) if activations.len() != model.layers.len() => {
            let (layers, named) = (model.layers.len(), activations.len());
            let text = format!("{path}: has {layers} Dense layers, and --activations names {named}");
            Err(Fault::Usage(text).into())
        }
        (None, Some(activations)) => {
            let dense = model.layers.iter().zip(activations).map(|(layer, &activation)| LayerConfig::Dense {
                units: layer.kernel.shape[1],
                activation,
                use_bias: layer.bias.is_some(),
            });
            let head: Vec<_> = std::iter::once(LayerConfig::Flatten).chain(dense).collect();
            metadata.head = Some(serde_json::to_value(head).context("describing the head")?);
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

impl Report {
    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            say!("{}", serde_json::to_string_pretty(self)?);
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
