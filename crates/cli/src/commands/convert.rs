//! `headstart convert`: a head from one layout to another, or a whole model for another program.

mod whole;

use headstart::convert::{
    FlattenOrder, HeadLayer, Imported, ModelMetadata, Unstated, check_model_path, export_model, import_model,
};
use headstart::{Error, IfExists, Part};
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
    /// None where neither the file nor a flag says it.
    from_order: Option<FlattenOrder>,
    to_order: Option<FlattenOrder>,
    metadata: ModelMetadata,
}

pub(crate) fn run(flags: &Flags, command: &Convert) -> anyhow::Result<Outcome> {
    let if_exists = if command.fresh { IfExists::Replace } else { IfExists::Refuse };
    if let Some(target) = whole::Target::of(command)? {
        return whole::run(flags, command, target, if_exists);
    }
    check_model_path(&command.output, if_exists).map_err(Error::from)?;
    let safetensors = has_suffix(command, "safetensors");
    if safetensors && command.to_order == Order::Tf {
        let text = "--to-order tf is for Keras's files; a .safetensors model is always in the order th";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    let imported = import_model(&command.input, &command.head.options())?;
    check_order(command, &imported)?;
    let model = imported.model;
    let model = if command.no_bundle { model.without_backbone() } else { model };
    if !safetensors && !model.attached.is_empty() {
        note!(
            "{}: has no place for the network's weights and the marks of the training images, which {} has; a .safetensors \
             has",
            command.output.display(),
            command.input.display()
        );
    }
    if safetensors && model.metadata.head.is_none() {
        note!(
            "{}: does not say its activations, and so {} will not say them either; name them with --activations, \
             such as relu,sigmoid",
            command.input.display(),
            command.output.display()
        );
    } else if command.head.from_order.is_some() && model.metadata.row_shape.len() != 3 {
        note!(
            "{}: will not say the order of its rows, because their shape is not known; give it with --row-shape, such as \
             512x4x4",
            command.output.display()
        );
    }
    let to_order = command.to_order.into();
    export_model(&command.output, &model, to_order, if_exists).map_err(Error::from)?;

    // Pooled rows have no order.
    let stated = !model.metadata.is_pooled() && !imported.unstated.contains(&Unstated::FlattenOrder);
    let values = |layer: &HeadLayer| {
        layer.kernel.values.len() + layer.bias.as_ref().map_or(0, |bias| bias.values.len())
    };
    let report = Report {
        output: command.output.display().to_string(),
        layers: model.layers.len(),
        parameters: model.layers.iter().map(values).sum(),
        from_order: stated.then_some(imported.flatten_order),
        to_order: stated.then_some(to_order),
        metadata: model.metadata,
    };
    report.print(flags.json)?;
    Ok(Outcome::Done)
}

/// Whether the output's name ends so.
fn has_suffix(command: &Convert, expected: &str) -> bool {
    command.output.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case(expected))
}

/// Asks for the order of flattening where the output would depend on it: rows that are to be reordered, or to be said to be of
/// a shape.
fn check_order(command: &Convert, imported: &Imported) -> Result<(), Error> {
    let unstated = imported.unstated.contains(&Unstated::FlattenOrder);
    let matters = match imported.model.metadata.row_shape[..] {
        [channels, height, width] => channels > 1 && (height > 1 || width > 1),
        _ => command.to_order == Order::Tf,
    };
    if unstated && matters {
        return Err(Error::Unstated { path: command.input.clone(), parts: vec![Part::FlattenOrder] });
    }
    Ok(())
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
        match (self.from_order, self.to_order) {
            (Some(from), Some(to)) => {
                say!("rows      {}", name(to));
                if from != to {
                    say!("reordered from {}", name(from));
                }
            }
            _ if self.metadata.is_pooled() => say!("rows      pooled, which have no order"),
            _ => say!("rows      as they were; nothing says their order"),
        }
        Ok(())
    }
}
