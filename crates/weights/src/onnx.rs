//! ONNX: a graph of operations on tensors, as a file.
//!
//! What is here is the container: values, constants and operators by name (the ONNX project, `docs/IR.md` and
//! `docs/Operators.md`). What the operators add up to is known to who calls them.

mod messages;
mod writer;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::messages::{
    Attribute, Dimension, Entry, Graph, Node, OfTensor, Shape, Type, ValueInfo, attribute_type, element_type,
};
use self::writer::Constant;
use crate::{Error, IfExists};

/// A graph that is built from its inputs to its outputs, and written as an ONNX file.
///
/// Constants may borrow their values, so a network is in memory once while it is written.
///
/// # Examples
/// ```
/// use headstart_weights::{IfExists, OnnxAttribute, OnnxAxis, OnnxGraph};
///
/// let folder = tempfile::tempdir()?;
/// let mut graph = OnnxGraph::new("double");
/// let x = graph.input("x", &[OnnxAxis::Named("N"), OnnxAxis::Of(4)]);
/// let two = graph.floats("two", &[], &[2.0][..]);
/// let y = graph.node("Mul", "y", &[&x, &two], &[]);
/// graph.output(&y, &[OnnxAxis::Named("N"), OnnxAxis::Of(4)]);
/// graph.describe("author", "somebody");
/// graph.write(&folder.path().join("double.onnx"), IfExists::Refuse)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OnnxGraph<'a> {
    graph: Graph,
    constants: Vec<Constant<'a>>,
    /// The names of all values and nodes.
    names: BTreeSet<String>,
    metadata: BTreeMap<String, String>,
}

/// An input, a constant or the result of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxValue(String);

/// The length of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnnxAxis {
    /// Always the same.
    Of(usize),
    /// Any length. Axes of the same name are equally long.
    Named(&'static str),
}

/// A setting of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum OnnxAttribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
}

impl<'a> OnnxGraph<'a> {
    /// The operators' version that files ask for. Later versions change some of the operators; every runtime of the last years
    /// reads this one.
    pub const OPSET: i64 = 13;

    /// A graph without anything.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let graph = Graph { name: name.to_owned(), ..Graph::default() };
        Self { graph, constants: Vec::new(), names: BTreeSet::new(), metadata: BTreeMap::new() }
    }

    /// An input of f32. No other value should have its name before it.
    pub fn input(&mut self, name: &str, shape: &[OnnxAxis]) -> OnnxValue {
        let name = self.unused(name);
        self.graph.input.push(tensor(&name, shape));
        OnnxValue(name)
    }

    /// A constant of f32, in C order.
    ///
    /// # Shapes
    /// `values` has as many values as the product of `shape`.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: impl Into<Cow<'a, [f32]>>) -> OnnxValue {
        let name = self.unused(name);
        self.constants.push(Constant::floats(&name, shape, values.into()));
        OnnxValue(name)
    }

    /// A constant of whole numbers, of one axis.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> OnnxValue {
        let name = self.unused(name);
        self.constants.push(Constant::integers(&name, values));
        OnnxValue(name)
    }

    /// An operator on some values. Its result has the name, or one that begins with it if that is taken.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&OnnxValue],
        attributes: &[(&str, OnnxAttribute)],
    ) -> OnnxValue {
        let name = self.unused(name);
        self.graph.node.push(Node {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![name.clone()],
            // Some runtimes confuse a node with its result where both have one name.
            name: format!("{name}/{operator}"),
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
        });
        OnnxValue(name)
    }

    /// Makes a value, of f32, an output of the graph, under its name.
    pub fn output(&mut self, value: &OnnxValue, shape: &[OnnxAxis]) {
        self.graph.output.push(tensor(&value.0, shape));
    }

    /// A text about the model, under a key.
    pub fn describe(&mut self, key: &str, text: impl Into<String>) {
        self.metadata.insert(key.to_owned(), text.into());
    }

    /// Writes the graph. The same graph gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a graph of 2 GiB or more, which no protocol buffer may have; [`Error::File`] if the name is
    /// taken or can't be written.
    pub fn write(&self, path: &Path, if_exists: IfExists) -> Result<(), Error> {
        let texts = self.metadata.iter().map(|(key, value)| Entry { key: key.clone(), value: value.clone() });
        writer::write(path, &self.graph, &self.constants, texts.collect(), if_exists)
    }

    /// The name, or one that begins with it if that is taken.
    fn unused(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| self.names.insert(name.clone())).unwrap_or_default()
    }
}

fn tensor(name: &str, shape: &[OnnxAxis]) -> ValueInfo {
    let dim = shape.iter().map(|axis| match axis {
        OnnxAxis::Of(length) => Dimension { dim_value: Some(*length as i64), dim_param: None },
        OnnxAxis::Named(name) => Dimension { dim_value: None, dim_param: Some((*name).to_owned()) },
    });
    let shape = Some(Shape { dim: dim.collect() });
    let tensor_type = Some(OfTensor { elem_type: element_type::FLOAT, shape });
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type }) }
}

fn attribute(name: &str, value: &OnnxAttribute) -> Attribute {
    let bare = Attribute { name: name.to_owned(), ..Attribute::default() };
    match value {
        OnnxAttribute::Float(value) => Attribute { f: Some(*value), r#type: attribute_type::FLOAT, ..bare },
        OnnxAttribute::Int(value) => Attribute { i: Some(*value), r#type: attribute_type::INT, ..bare },
        OnnxAttribute::Ints(values) => {
            Attribute { ints: values.clone(), r#type: attribute_type::INTS, ..bare }
        }
    }
}
