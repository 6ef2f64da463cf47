//! Findings about single files.

use std::collections::BTreeMap;

use super::{Entry, Finding, Severity, Split, What};
use crate::survey::{Image, Survey};
use crate::{Colour, Format, ImageInfo, foreign};

/// An image with a shorter side than this, in pixels, is a finding: it has to be enlarged even for the smallest input
/// that the networks accept, 32 x 32.
pub const SMALL_SIDE: u32 = 32;

pub(super) fn findings(split: Split, survey: &Survey) -> Vec<Finding> {
    let mut by_kind = BTreeMap::<(Severity, What), Vec<Entry>>::new();
    let mut add = |severity, what, path: &str, detail| {
        by_kind.entry((severity, what)).or_default().push(Entry::of(split, path, detail));
    };
    for (sample, image) in survey.dataset.samples.iter().zip(&survey.images) {
        match image {
            Ok(Image { info, .. }) => {
                for (what, detail) in traits(&sample.path, info) {
                    add(Severity::Note, what, &sample.path, detail);
                }
            }
            Err(fault) => add(Severity::Error, fault.kind.into(), &sample.path, Some(fault.reason.clone())),
        }
    }
    if survey.images.iter().all(Result::is_err) {
        let detail = format!("none of {} images can be read", survey.images.len());
        add(Severity::Error, What::NoReadableImage, "", Some(detail));
    }

    let left_out = &survey.dataset.left_out;
    for (path, reason) in &left_out.unreadable {
        add(Severity::Error, What::UnreadableFile, path, Some(reason.clone()));
    }
    for (what, paths) in [
        (What::Hidden, &left_out.hidden),
        (What::SystemFolder, &left_out.system_folders),
        (What::Link, &left_out.links),
        (What::LooseFile, &left_out.loose_files),
        (What::SpecialFile, &left_out.special_files),
    ] {
        for path in paths {
            add(Severity::Note, what, path, None);
        }
    }
    for path in &left_out.unknown_extension {
        let untaken = survey.untaken.binary_search_by(|(untaken, _)| untaken.cmp(path));
        let untaken = untaken.ok().map(|found| survey.untaken[found].1);
        match (untaken, foreign::of_name(path)) {
            // Camera raw is TIFF by its first bytes.
            (None | Some(Format::Tiff), Some(unread)) => {
                add(Severity::Warning, What::UnreadFormat, path, Some(unread.to_owned()));
            }
            (Some(format), _) => {
                add(
                    Severity::Warning,
                    What::UntakenExtension,
                    path,
                    Some(format!("it is {}", format.name())),
                );
            }
            (None, None) => add(Severity::Note, What::OtherFile, path, None),
        }
    }
    by_kind.into_iter().map(|((severity, what), entries)| Finding::new(what, severity, entries)).collect()
}

/// What is worth knowing about an image that can be read.
fn traits(path: &str, info: &ImageInfo) -> Vec<(What, Option<String>)> {
    let &ImageInfo { format, width, height, colour, bits, alpha, turned, short } = info;
    let mut traits = Vec::new();
    let mut note = |holds, what, detail: Option<String>| {
        if holds {
            traits.push((what, detail));
        }
    };
    note(
        Format::of_name(path) != Some(format),
        What::WrongExtension,
        Some(format!("it is {}", format.name())),
    );
    note(short, What::ShortFile, None);
    note(width.min(height) < SMALL_SIDE, What::SmallImage, Some(format!("{width} x {height}")));
    note(turned, What::TurnedImage, None);
    note(colour == Colour::Cmyk, What::CmykImage, None);
    note(alpha, What::AlphaChannel, None);
    note(bits > 8, What::DeepImage, Some(format!("{bits} bits, {}", name_of(colour))));
    note(colour == Colour::Grey, What::GreyImage, None);
    note(colour == Colour::Palette, What::PaletteImage, None);
    traits
}

fn name_of(colour: Colour) -> &'static str {
    match colour {
        Colour::Grey => "grey",
        Colour::Rgb => "RGB",
        Colour::Palette => "palette",
        Colour::Cmyk => "CMYK",
    }
}
