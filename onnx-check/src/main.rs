//! Runs an ONNX file on an input of f32: `headstart-onnx-check MODEL INPUT AXIS,AXIS,... OUTPUT...`
//!
//! INPUT holds the values of the file's only input in C order, little-endian. The values of each output are written to standard
//! output in the same way, after their number as a little-endian u64.

use std::error::Error;
use std::io::Write;

use rten::Model;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, input, shape, outputs @ ..] = &arguments[..] else {
        return Err("expected a model, a file of values, their shape and the names of outputs".into());
    };
    let model = Model::load_file(model)?;
    let shape: Vec<usize> = shape.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let bytes = std::fs::read(input)?;
    let values = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let images = Tensor::from_data(&shape, values.collect::<Vec<f32>>());
    let named = |name: &str| {
        let is_named = |id: &&_| model.node_info(**id).is_some_and(|node| node.name() == Some(name));
        model.output_ids().iter().find(is_named).copied().ok_or(format!("the model has no output {name}"))
    };
    let wanted = outputs.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?;
    let from = model.input_ids().first().copied().ok_or("the model has no input")?;
    let mut out = std::io::stdout().lock();
    for found in model.run(vec![(from, images.view().into())], &wanted, None)? {
        let values = found.into_tensor::<f32>().ok_or("an output is not of f32")?.to_vec();
        out.write_all(&(values.len() as u64).to_le_bytes())?;
        for value in values {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
