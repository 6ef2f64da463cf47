//! The careful decoder: every layout of Huffman-coded pictures, in plain steps.

use super::blocks;
use super::colours::push_row;
use super::huffman::HuffmanTables;
use super::plane::Plane;
use super::progressive::{Coefficients, Progressive};
use super::quantization::{QuantizationTable, QuantizationTables};
use super::sequential::Sequential;
use super::upsampling::Upsampling;
use crate::DecodeError;
use crate::header::jpeg::{
    Coding, Component, End, Frame, Scan, Step, Structure, corrupt, missing_end, unsupported,
};

/// Three bytes a pixel.
///
/// # Errors
///
/// Whatever leaves a part of the picture unknown.
pub(super) fn decode(structure: Structure<'_>) -> Result<Vec<u8>, DecodeError> {
    let Structure { frame, steps, end, fault, colours, .. } = structure;
    let planes = match frame.coding {
        Coding::Sequential => sequential(&frame, &steps, end)?,
        Coding::Progressive => progressive(&frame, &steps, end)?,
    };
    match fault {
        Some(fault) => Err(fault),
        None => Ok(assembled(&frame, &planes, |rows, out| push_row(colours, rows, out))),
    }
}

/// The tables that hold at a place in the file.
struct Tables {
    huffman: HuffmanTables,
    quantization: QuantizationTables,
    /// For each component, the table that held at its first scan.
    latched: Vec<Option<QuantizationTable>>,
}

impl Tables {
    fn new(frame: &Frame, huffman: HuffmanTables) -> Self {
        let quantization = QuantizationTables::default();
        Self { huffman, quantization, latched: vec![None; frame.components.len()] }
    }

    fn latch(&mut self, frame: &Frame, scan: &Scan<'_>) -> Result<(), DecodeError> {
        for component in &scan.components {
            let latched = &mut self.latched[component.index];
            if latched.is_none() {
                let number = frame.components[component.index].quantization_table;
                *latched = Some(self.quantization.get(number)?);
            }
        }
        Ok(())
    }
}

fn sequential(frame: &Frame, steps: &[Step<'_>], end: End) -> Result<Vec<Plane>, DecodeError> {
    let mut tables = Tables::new(frame, HuffmanTables::standard());
    let mut planes: Vec<Plane> = frame.components.iter().map(Plane::of).collect();
    let mut last_byte = 0;
    for step in steps {
        match step {
            Step::Huffman(content) => tables.huffman.read(content)?,
            Step::Quantization(content) => tables.quantization.read(content)?,
            Step::Scan(scan) => {
                if let Some(twice) =
                    scan.components.iter().find(|component| tables.latched[component.index].is_some())
                {
                    return Err(corrupt(format!("two scans hold component {}", twice.index + 1)));
                }
                tables.latch(frame, scan)?;
                let mut decoder = Sequential::new(scan, &tables.huffman, &tables.latched, &mut planes)?;
                last_byte = scan.at + blocks::decode(frame, scan, &mut decoder)?;
            }
        }
    }
    if let Some(missing) = tables.latched.iter().position(Option::is_none) {
        return Err(no_scan(missing, frame));
    }
    match end {
        // Where data were overwritten, too, zeros were taken for them. Only the zero after 0xFF belongs to the data.
        End::Zeros { from } if last_byte > from + 1 => Err(missing_end()),
        _ => Ok(planes),
    }
}

/// In zigzag order, the coefficients that libjpeg smooths where they are not fully known.
const SMOOTHED: std::ops::Range<usize> = 1..10;

fn progressive(frame: &Frame, steps: &[Step<'_>], end: End) -> Result<Vec<Plane>, DecodeError> {
    if let End::Zeros { .. } = end {
        return Err(missing_end());
    }
    // Here libjpeg has no standard tables.
    let mut tables = Tables::new(frame, HuffmanTables::none());
    let mut coefficients: Vec<Coefficients> = frame.components.iter().map(Coefficients::of).collect();
    for step in steps {
        match step {
            Step::Huffman(content) => tables.huffman.read(content)?,
            Step::Quantization(content) => tables.quantization.read(content)?,
            Step::Scan(scan) => {
                tables.latch(frame, scan)?;
                let mut decoder = Progressive::new(scan, &tables.huffman, &mut coefficients)?;
                blocks::decode(frame, scan, &mut decoder)?;
            }
        }
    }
    if let Some(missing) = coefficients.iter().position(|component| component.coded[0].is_none()) {
        return Err(no_scan(missing, frame));
    }
    if coefficients.iter().any(|component| component.coded[SMOOTHED].iter().any(|&bit| bit != Some(0))) {
        return Err(unsupported("a progressive picture that stops before its last scans"));
    }
    let planes = frame.components.iter().zip(coefficients).zip(tables.latched);
    planes.map(|((component, coefficients), table)| transformed(component, coefficients, table)).collect()
}

fn transformed(
    component: &Component,
    mut coefficients: Coefficients,
    table: Option<QuantizationTable>,
) -> Result<Plane, DecodeError> {
    let table = table.ok_or_else(|| corrupt("a quantization table is missing"))?;
    let mut plane = Plane::of(component);
    for row in 0..component.blocks_high {
        for column in 0..component.blocks_wide {
            let block = coefficients.block(column, row);
            plane
                .set(column, row, block, &table)
                .map_err(|_| corrupt("the data have a coefficient that can't be"))?;
        }
    }
    Ok(plane)
}

fn no_scan(missing: usize, frame: &Frame) -> DecodeError {
    corrupt(format!("no scan holds component {} of {}", missing + 1, frame.components.len()))
}

/// Brings the planes to the picture's size, row by row, and turns them to pixels.
fn assembled(frame: &Frame, planes: &[Plane], push: impl Fn(&[Vec<u8>], &mut Vec<u8>)) -> Vec<u8> {
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    let upsamplings: Vec<_> =
        frame.components.iter().map(|component| Upsampling::of(component, frame)).collect();
    let mut rows = vec![vec![0; width]; planes.len()];
    let mut sums = Vec::new();
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        for ((plane, upsampling), out) in planes.iter().zip(&upsamplings).zip(&mut rows) {
            upsampling.row(plane, row, &mut sums, out);
        }
        push(&rows, &mut pixels);
    }
    pixels
}
