//! `headstart doctor`: folders of images looked over before a run.

pub(super) mod words;

use std::path::Path;
use std::time::Instant;

use headstart::doctor::{
    Depth, Diagnosis, Entry, Finding, Folder, FolderSummary, Place, Severity, SizedImage, Split,
    SurveyOptions, diagnose, survey,
};
use headstart::{Error, ScanOptions, scan};
use serde::Serialize;

use crate::fault::Fault;
use crate::flags::{Doctor, Flags};
use crate::outcome::Outcome;
use crate::output::{give, say};
use crate::progress;

/// Entries of a finding, and places of an entry, that are shown to a person.
const SHOWN: usize = 3;

/// What the command reports.
#[derive(Debug, Serialize)]
struct Report {
    usable: bool,
    errors: usize,
    warnings: usize,
    notes: usize,
    decoded: bool,
    seconds: f64,
    #[serde(flatten)]
    diagnosis: Diagnosis,
}

pub(crate) fn run(flags: &Flags, command: &Doctor) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let folders = look(command);
    let diagnosis = diagnose(&folders);
    let report = Report {
        usable: diagnosis.is_usable(),
        errors: diagnosis.count(Severity::Error),
        warnings: diagnosis.count(Severity::Warning),
        notes: diagnosis.count(Severity::Note),
        decoded: command.decode,
        seconds: started.elapsed().as_secs_f64(),
        diagnosis,
    };
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print(command);
    }
    // A folder that can't be scanned ends every command in the same way.
    if let Some(error) = folders.into_iter().find_map(|folder| folder.survey.err()) {
        return Err(Error::from(error).into());
    }
    if !report.usable {
        return Err(Fault::BadData("no image of a folder can be read".to_owned()).into());
    }
    Ok(if report.errors + report.warnings == 0 { Outcome::Done } else { Outcome::Warned })
}

/// Scans the folders, and then looks at their images.
fn look(command: &Doctor) -> Vec<Folder> {
    let options = ScanOptions::default().with_follow_links(command.follow_links);
    let roots = [(Split::Images, Some(&command.images)), (Split::Validation, command.validation.as_ref())];
    let scanned: Vec<(Split, _)> =
        roots.into_iter().filter_map(|(split, root)| Some((split, scan(root?, &options)))).collect();

    let images = scanned.iter().flat_map(|(_, dataset)| dataset).map(|dataset| dataset.samples.len()).sum();
    let bar = progress::bar(images, "images").with_message("doctor");
    let depth = if command.decode { Depth::Pixels } else { Depth::Structure };
    let options = SurveyOptions::default().with_depth(depth).with_limits(command.limits.into());
    let folder = |(split, dataset): (Split, Result<_, _>)| Folder {
        split,
        survey: dataset.map(|dataset| survey(dataset, &options, || bar.inc(1))),
    };
    let folders = scanned.into_iter().map(folder).collect();
    bar.finish_and_clear();
    folders
}

impl Report {
    fn print(&self, command: &Doctor) {
        for folder in &self.diagnosis.folders {
            print_folder(folder);
        }
        let findings = &self.diagnosis.findings;
        let name_len = findings.iter().map(|finding| words::name(finding.what).len()).max().unwrap_or(0);
        for finding in findings {
            let Finding { severity, what, count, entries } = finding;
            let (severity, name) = (words::severity(*severity), words::name(*what));
            say!("{severity:<11}{name:<name_len$} {count:>7}  {}", words::advice(*what));
            for entry in entries.iter().take(SHOWN) {
                say!("           {}", shown_entry(entry, command));
            }
            if entries.len() > SHOWN {
                say!("           and {} more (--json lists all)", entries.len() - SHOWN);
            }
        }
        say!("verdict    {}", self.verdict());
    }

    fn verdict(&self) -> String {
        if !self.usable {
            return "can't be used as a dataset".to_owned();
        }
        let cases = |severity| {
            let of_severity = self.diagnosis.findings.iter().filter(|finding| finding.severity == severity);
            of_severity.map(|finding| finding.count).sum::<usize>()
        };
        match (cases(Severity::Error), cases(Severity::Warning)) {
            (0, 0) => "good: nothing worse than notes".to_owned(),
            (0, warnings) => format!("usable, with {warnings} warnings"),
            (skipped, 0) => format!("usable, but {skipped} images would be skipped"),
            (skipped, warnings) => {
                format!("usable, but {skipped} images would be skipped, with {warnings} warnings")
            }
        }
    }
}

fn print_folder(folder: &FolderSummary) {
    let FolderSummary { split, root, images, classes, formats, sizes } = folder;
    let shown = classes.iter().take(SHOWN).map(|class| format!("{} {}", quoted(&class.name), class.images));
    let mut shown: Vec<String> = shown.collect();
    if classes.len() > SHOWN {
        shown.push("...".to_owned());
    }
    let name = words::split(*split);
    let root = quoted(&root.display().to_string());
    say!("{name:<11}{root}: {images} images of {} classes ({})", classes.len(), shown.join(", "));
    let formats: Vec<String> =
        formats.iter().map(|(format, count)| format!("{} {count}", format.name())).collect();
    if let Some(sizes) = sizes {
        let sized =
            |image: &SizedImage| format!("{} x {} ({})", image.width, image.height, quoted(&image.path));
        say!("           {}", formats.join(", "));
        say!("           median {} x {}", sizes.median_width, sizes.median_height);
        say!("           smallest {}, largest {}", sized(&sizes.smallest), sized(&sizes.largest));
    }
}

fn shown_entry(entry: &Entry, command: &Doctor) -> String {
    let root = |split| match (split, &command.validation) {
        (Split::Validation, Some(validation)) => validation.as_path(),
        _ => command.images.as_path(),
    };
    let place = |place: &Place| shown_place(root(place.split), &place.path);
    let mut places: Vec<String> = entry.places.iter().take(SHOWN).map(place).collect();
    if entry.places.len() > SHOWN {
        places.push(format!("{} more", entry.places.len() - SHOWN));
    }
    let places = places.join(", ");
    match &entry.detail {
        // The scan's own errors name the folder.
        Some(detail) if detail.starts_with(&places) => detail.clone(),
        Some(detail) => format!("{places}: {detail}"),
        None => places,
    }
}

fn shown_place(root: &Path, path: &str) -> String {
    let path = if path.is_empty() { root.to_path_buf() } else { root.join(path) };
    quoted(&path.display().to_string())
}

/// A name as it is, or in quotes where it holds what a terminal would not show.
fn quoted(name: &str) -> String {
    if name.chars().any(char::is_control) || name.trim() != name {
        format!("{name:?}")
    } else {
        name.to_owned()
    }
}
