//! How far the contestants' features are from a reference's.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use super::Run;
use super::accuracy::{CHANNELS, Errors};
use super::contestant::{REFERENCES, Server};
use super::plan::Kind;
use super::row::{Better, Row};

/// How many images a contestant computes at once when errors are measured.
const IMAGES_FOR_ERROR: usize = 8;

impl Run {
    /// Measures how far pool5 is from the reference.
    pub(super) fn errors(
        &mut self,
        servers: &mut [Server],
        reference: &mut Server,
        threads: usize,
    ) -> anyhow::Result<()> {
        if !self.plan.vgg16 {
            return Ok(());
        }
        for preset in ["blog", "caffe"] {
            for side in self.plan.sides_for_error.clone() {
                eprintln!("errors, {preset} {side} x {side}");
                let images = self.stage.images(preset, side)?;
                let request = json!({ "do": "base", "preset": preset, "side": side });
                let errors = self.errors_of(servers, reference, &request, images, CHANNELS)?;
                let mut push = |what: String, figure: fn(&Errors) -> f64| {
                    let rounds = errors.iter().map(|errors| errors.iter().map(figure).collect()).collect();
                    let (unit, better) = ("relative L2", Better::Accuracy);
                    self.rows.push(Row { what, unit, better, threads, rounds });
                };
                push(format!("error, {preset} {side} x {side}"), Errors::relative_l2);
                // A channel that few images excite gets a scale only from many images.
                if self.plan.kind == Kind::Accuracy {
                    push(format!("worst channel, {preset} {side} x {side}"), Errors::worst_channel);
                }
            }
        }
        Ok(())
    }

    /// The errors of each contestant in what it answers to a request, over some images; none if it could not be measured.
    pub(super) fn errors_of(
        &self,
        servers: &mut [Server],
        reference: &mut Server,
        request: &Value,
        images: usize,
        channels: usize,
    ) -> anyhow::Result<Vec<Option<Errors>>> {
        let count = self.plan.images_for_error.min(images);
        let mut errors = vec![Some(Errors::new(channels)); servers.len()];
        for first in (0..count).step_by(IMAGES_FOR_ERROR) {
            let batch = IMAGES_FOR_ERROR.min(count - first);
            let ask = |server: &mut Server| -> anyhow::Result<PathBuf> {
                let output = self.stage.folder.join("features.raw").with_extension(server.contestant.name);
                let mut request = request.clone();
                request["first"] = json!(first);
                request["batch"] = json!(batch);
                request["output"] = json!(output);
                server.ask(&request)?;
                Ok(output)
            };
            let expected = ask(reference)?;
            for (server, errors) in servers.iter_mut().zip(&mut errors) {
                let Some(sums) = errors else { continue };
                if let Err(error) = ask(server).and_then(|output| sums.add(&output, &expected, batch)) {
                    eprintln!("not measured: {error:#}");
                    *errors = None;
                }
            }
        }
        Ok(errors)
    }

    /// The first reference that is installed. The second takes minutes per image.
    pub(super) fn reference(&self, threads: usize) -> anyhow::Result<Server> {
        let [installed, own] = REFERENCES;
        let started = self.stage.start(installed, threads);
        if self.plan.kind == Kind::Accuracy {
            return started.with_context(|| format!("starting {}", installed.name));
        }
        started.or_else(|_| self.stage.start(own, threads))
    }
}
