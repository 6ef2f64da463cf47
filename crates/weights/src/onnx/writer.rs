//! A model of ONNX, written constant by constant.
//!
//! A protocol buffer may have its fields in any order, and the parts of a message may follow each other. So the small parts are
//! encoded at once, and the constants, which are nearly all of a network, go from where they are into the file.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::OnnxGraph;
use super::messages::{Entry, Graph, Model, OperatorSet, Tensor, element_type};
use crate::{Error, IfExists};

/// The version of the format that goes with [`OnnxGraph::OPSET`].
const IR_VERSION: i64 = 7;

/// No protocol buffer has more bytes.
const MOST_BYTES: u64 = i32::MAX as u64;

/// Values that are made bytes at a time.
const AT_A_TIME: usize = 1 << 14;

/// A tensor with its values.
#[derive(Debug)]
pub(super) struct Constant<'a> {
    tensor: Tensor,
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Floats(Cow<'a, [f32]>),
    Integers(Vec<i64>),
}

impl<'a> Constant<'a> {
    pub(super) fn floats(name: &str, shape: &[usize], values: Cow<'a, [f32]>) -> Self {
        let dims = shape.iter().map(|&axis| axis as i64).collect();
        let tensor = Tensor { dims, data_type: element_type::FLOAT, name: name.to_owned() };
        Self { tensor, values: Values::Floats(values) }
    }

    pub(super) fn integers(name: &str, values: &[i64]) -> Self {
        let dims = vec![values.len() as i64];
        let tensor = Tensor { dims, data_type: element_type::INT64, name: name.to_owned() };
        Self { tensor, values: Values::Integers(values.to_vec()) }
    }

    /// Bytes of its values.
    fn length(&self) -> usize {
        match &self.values {
            Values::Floats(values) => size_of_val(&values[..]),
            Values::Integers(values) => size_of_val(&values[..]),
        }
    }

    /// All of its message but the values, which follow.
    fn head(&self) -> Vec<u8> {
        let mut bytes = self.tensor.encode_to_vec();
        begin(Tensor::RAW_DATA, self.length(), &mut bytes);
        bytes
    }

    fn write_values(&self, writer: &mut dyn Write) -> io::Result<()> {
        match &self.values {
            Values::Floats(values) => in_parts(values, |value| value.to_le_bytes(), writer),
            Values::Integers(values) => in_parts(values, |value| value.to_le_bytes(), writer),
        }
    }
}

fn in_parts<T: Copy, const BYTES: usize>(
    values: &[T],
    bytes: impl Fn(T) -> [u8; BYTES],
    writer: &mut dyn Write,
) -> io::Result<()> {
    for values in values.chunks(AT_A_TIME) {
        let bytes: Vec<[u8; BYTES]> = values.iter().map(|&value| bytes(value)).collect();
        writer.write_all(bytes.as_flattened())?;
    }
    Ok(())
}

/// Begins a field of so many bytes.
fn begin(number: u32, length: usize, bytes: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, bytes);
    encode_varint(length as u64, bytes);
}

pub(super) fn write(
    path: &Path,
    graph: &Graph,
    constants: &[Constant<'_>],
    metadata: Vec<Entry>,
    if_exists: IfExists,
) -> Result<(), Error> {
    let mut model = Model {
        ir_version: IR_VERSION,
        producer_name: "headstart".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        opset_import: vec![OperatorSet { domain: String::new(), version: OnnxGraph::OPSET }],
        metadata_props: metadata,
    }
    .encode_to_vec();
    let graph = graph.encode_to_vec();
    let heads = constants.iter().map(|constant| {
        let (mut bytes, head) = (Vec::new(), constant.head());
        begin(Graph::INITIALIZER, head.len() + constant.length(), &mut bytes);
        bytes.extend(head);
        bytes
    });
    let heads: Vec<Vec<u8>> = heads.collect();
    let of_constants = heads.iter().zip(constants).map(|(head, constant)| head.len() + constant.length());
    let length = graph.len() + of_constants.sum::<usize>();
    begin(Model::GRAPH, length, &mut model);
    let whole = (model.len() + length) as u64;
    if whole > MOST_BYTES {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            expected: "a network of less than 2 GiB, the limit of an ONNX file",
            found: format!("{whole} bytes"),
        });
    }
    headstart_files::write(path, if_exists, |writer| {
        let mut write = || {
            writer.write_all(&model)?;
            writer.write_all(&graph)?;
            for (head, constant) in heads.iter().zip(constants) {
                writer.write_all(head)?;
                constant.write_values(writer)?;
            }
            Ok(())
        };
        write().map_err(Error::io(path, "write it"))
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::messages::{Attribute, Node, ValueInfo};
    use super::*;
    use crate::{OnnxAttribute, OnnxAxis};

    /// As others read it: all in one.
    #[derive(Clone, PartialEq, Message)]
    struct WholeModel {
        #[prost(int64, tag = "1")]
        ir_version: i64,
        #[prost(message, optional, tag = "7")]
        graph: Option<WholeGraph>,
        #[prost(message, repeated, tag = "14")]
        metadata_props: Vec<Entry>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct WholeGraph {
        #[prost(message, repeated, tag = "1")]
        node: Vec<Node>,
        #[prost(message, repeated, tag = "5")]
        initializer: Vec<WholeTensor>,
        #[prost(message, repeated, tag = "11")]
        input: Vec<ValueInfo>,
        #[prost(message, repeated, tag = "12")]
        output: Vec<ValueInfo>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct WholeTensor {
        #[prost(int64, repeated, tag = "1")]
        dims: Vec<i64>,
        #[prost(int32, tag = "2")]
        data_type: i32,
        #[prost(string, tag = "8")]
        name: String,
        #[prost(bytes = "vec", tag = "9")]
        raw_data: Vec<u8>,
    }

    #[test]
    fn a_file_holds_what_the_graph_was_built_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph.onnx");
        let kernel: Vec<f32> = (0..40_000_u16).map(f32::from).collect();
        let mut graph = OnnxGraph::new("graph");
        let axes = [OnnxAxis::Named("N"), OnnxAxis::Of(200)];
        let x = graph.input("x", &axes);
        let constant = graph.floats("x", &[200, 200], &kernel[..]);
        let product = graph.node("MatMul", "product", &[&x, &constant], &[]);
        let zero = ("axis", OnnxAttribute::Int(0));
        let y = graph.node("Softmax", "y", &[&product], &[zero]);
        graph.output(&y, &axes);
        graph.integers("unused", &[-1, 3]);
        graph.describe("who", "é");
        graph.write(&path, IfExists::Refuse).unwrap();

        let bytes = std::fs::read(&path).unwrap();
        let model = WholeModel::decode(&bytes[..]).unwrap();
        assert_eq!(model.ir_version, IR_VERSION);
        assert_eq!(model.metadata_props, [Entry { key: "who".to_owned(), value: "é".to_owned() }]);
        let found = model.graph.unwrap();
        let names: Vec<&str> = found.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["x_2", "unused"]);
        assert_eq!(found.initializer[0].dims, [200, 200]);
        let values = found.initializer[0].raw_data.chunks_exact(4);
        let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(values, kernel);
        assert_eq!(found.initializer[1].raw_data, [[255; 8], [3, 0, 0, 0, 0, 0, 0, 0]].concat());
        assert_eq!(found.node[0].input, ["x", "x_2"]);
        // A zero is there, and not left out as protocol buffers leave out zeros.
        assert_eq!(
            found.node[1].attribute,
            [Attribute { i: Some(0), r#type: 2, name: "axis".to_owned(), ..Attribute::default() }]
        );
        assert_eq!((found.input.len(), found.output[0].name.as_str()), (1, "y"));

        // The same bytes again, and none in the place of a file.
        let again = folder.path().join("again.onnx");
        graph.write(&again, IfExists::Refuse).unwrap();
        assert!(std::fs::read(again).unwrap() == bytes);
        assert!(matches!(graph.write(&path, IfExists::Refuse), Err(Error::File(_))));
    }
}
