//! `headstart fit`: a folder of images to a classifier and an honest number.

mod page;
mod words;

use std::path::Path;

use anyhow::Context;
use headstart::doctor::Diagnosis;
use headstart::{
    Dataset, ErrorKind, Existing, FitRecipe, FitRecord, Fitted, Fitting, LikelyLabelError, NearPair,
    ScanOptions, scan,
};
use serde::Serialize;

use super::extract::{Skipped, Written};
use super::network::{backbone, preprocessing, search};
use crate::flags::{Fit, Flags, TestChoice};
use crate::outcome::Outcome;
use crate::output::give;
use crate::progress::Terminal;
use crate::signals::Signals;

/// The network of a fit that names none.
const DEFAULT_NETWORK: &str = "efficientnet_lite2";

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report<'a> {
    output: String,
    report: Option<String>,
    classes: &'a [String],
    #[serde(flatten)]
    record: &'a FitRecord,
    leaks: &'a [String],
    label_errors: &'a [LikelyLabelError],
    near_pairs: &'a [NearPair],
    skipped_images: Vec<Skipped>,
    features: Written,
    test_features: Option<Written>,
    diagnosis: &'a Diagnosis,
    seconds: f64,
}

pub(crate) fn run(flags: &Flags, command: &Fit) -> anyhow::Result<Outcome> {
    let signals = Signals::listen()?;
    let page = page::place(command)?;
    let backbone = match backbone(&command.network)? {
        Some(backbone) => backbone,
        None => search().of_network(DEFAULT_NETWORK.parse().map_err(anyhow::Error::msg)?)?,
    };
    let mut terminal = Terminal::new(&signals);
    let blog = (command.recipe == FitRecipe::Blog).then(|| backbone.architecture().blog_input());
    let preprocessing = preprocessing(&command.network, &backbone, blog.flatten(), &mut terminal)?;
    let backbone = backbone.on(flags.device.open()?);
    let dataset = images(command, &command.images)?;
    let mut fitting = Fitting::new(&dataset, &backbone)
        .to(&command.output)
        .preprocessing(preprocessing)
        .near_duplicates(command.near_duplicates)
        .class_weights(command.class_weight.0.clone())
        .unknown_share(command.unknown_share)
        .mirror(command.mirror)
        .recipe(command.recipe)
        .seed(command.seed)
        .limits(command.limits.into())
        .strict(command.strict)
        .bundle(!command.no_bundle && is_safetensors(&command.output))
        .existing(if command.fresh { Existing::Replace } else { Existing::Reuse });
    if let Some(pooling) = command.network.pool {
        fitting = fitting.pooling(pooling);
    }
    if command.calibrate {
        fitting = fitting.calibrate(true);
    }
    if let Some(pattern) = &command.group_by {
        fitting = fitting.group_by(pattern);
    }
    if let Some(table) = &command.groups {
        fitting = fitting.groups_from(table);
    }
    let test = match &command.test {
        Some(TestChoice::Folder(folder)) => Some(images(command, folder)?),
        _ => None,
    };
    fitting = match (&command.test, &test) {
        (Some(TestChoice::Share(share)), _) => fitting.test_share(*share),
        (_, Some(test)) => fitting.test_on(test),
        _ => fitting,
    };
    let fitted = fitting.run(&mut terminal);
    drop(terminal);
    let fitted = match fitted {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(signals.ended(&error)),
        fitted => fitted?,
    };
    if let Some(page) = &page {
        page::write(&fitted, page)?;
    }
    if flags.json {
        let report = serde_json::to_string_pretty(&Report::new(&fitted, page.as_deref()));
        give!("{}", report.context("encoding the report")?);
    } else {
        words::print(&fitted, command, page.as_deref());
    }
    Ok(if fitted.skipped().next().is_some() { Outcome::Skipped } else { Outcome::Done })
}

/// Whether an output is a file that can hold weights.
pub(super) fn is_safetensors(output: &Path) -> bool {
    output.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("safetensors"))
}

fn images(command: &Fit, folder: &Path) -> Result<Dataset, headstart::Error> {
    Ok(scan(folder, &ScanOptions::default().with_follow_links(command.follow_links))?)
}

impl<'a> Report<'a> {
    fn new(fitted: &'a Fitted, page: Option<&Path>) -> Self {
        Self {
            output: fitted.output.display().to_string(),
            report: page.map(|page| page.display().to_string()),
            classes: fitted.classifier.classes(),
            record: &fitted.record,
            leaks: &fitted.leaks,
            label_errors: &fitted.label_errors,
            near_pairs: &fitted.near_pairs,
            skipped_images: fitted.skipped().map(Skipped::from).collect(),
            features: fitted.extracted.summary.clone().into(),
            test_features: fitted.test_extracted.as_ref().map(|extracted| extracted.summary.clone().into()),
            diagnosis: &fitted.diagnosis,
            seconds: fitted.seconds,
        }
    }
}
