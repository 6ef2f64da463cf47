//! TensorBoard's event files.
//!
//! A file is a sequence of TFRecords: the length of the data as 8 bytes, their checksum as 4, the data, and their checksum;
//! all little-endian (the TensorFlow documentation, "TFRecord and tf.train.Example"). The data is an `Event` of
//! `tensorflow/core/util/event.proto`, of which the fields used here are declared.

use std::io::{self, Write};

use headstart_head::EpochMetrics;
use prost::Message;
use serde_json::Value;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds; TensorBoard can show it as the horizontal axis.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

/// Of `tensorflow/core/framework/summary.proto`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Writes what an event file begins with.
pub(super) fn begin(file: &mut impl Write) -> io::Result<()> {
    let file_version = Some("brain.Event:2".to_owned());
    record(file, &Event { file_version, ..Event::default() })
}

/// Adds the figures of an epoch. The time is the epoch's number, so that a run can be repeated to the byte.
pub(super) fn add_epoch(file: &mut impl Write, epoch: &EpochMetrics) -> io::Result<()> {
    let Value::Object(metrics) = serde_json::to_value(epoch)? else { return Ok(()) };
    let scalar = |(name, value): (&String, &Value)| {
        // TensorBoard shows tags with the same first part side by side.
        let tag = match name.strip_prefix("val_") {
            Some(metric) => format!("{metric}/validation"),
            None => format!("{name}/training"),
        };
        Some(Scalar { tag, simple_value: Some(value.as_f64()? as f32) })
    };
    let value = metrics.iter().filter(|(name, _)| *name != "epoch").filter_map(scalar).collect();
    let (wall_time, step) = (epoch.epoch as f64, epoch.epoch as i64);
    record(file, &Event { wall_time, step, file_version: None, summary: Some(Summary { value }) })
}

fn record(file: &mut impl Write, event: &Event) -> io::Result<()> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    for part in [&length[..], &checksum(&length), &data, &checksum(&data)] {
        file.write_all(part)?;
    }
    file.flush()
}

/// CRC-32C, rotated and shifted by a constant, so that data which contains checksums gets an ordinary one.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}
