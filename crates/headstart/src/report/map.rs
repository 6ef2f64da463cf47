//! The judged images on a map of their features.

use std::collections::BTreeSet;

use headstart_head::Subset;
use headstart_head::analysis::principal_components;

use super::data::{EmbeddingMap, MapPoint};
use super::findings::Judged;
use super::thumbnail::SMALL;
use crate::Error;

/// Images on a map at most, so that the page stays light: at 3 kB each they add 1.5 MB.
const POINTS: usize = 400;

/// Errors that are on it in any case.
const ERRORS: usize = 100;

/// Images evenly from the scan's order, which goes by class, and the surest errors; by the principal components of these.
pub(super) fn embedding_map(judged: &Judged<'_>) -> Result<Option<EmbeddingMap>, Error> {
    let count = judged.rows.len();
    if count < 3 {
        return Ok(None);
    }
    let mut shown: BTreeSet<usize> =
        judged.wrong().into_iter().take(ERRORS).map(|wrong| wrong.position).collect();
    let even = (POINTS - shown.len()).min(count);
    shown.extend((0..even).map(|index| index * count / even));
    let rows: Vec<usize> = shown.iter().map(|&position| judged.rows[position]).collect();
    let found = principal_components(&Subset { samples: &judged.split.data, indices: &rows }, 2)?;
    let predicted = judged.predicted();
    let thumbnails = judged.split.thumbnails(&rows, SMALL);
    let point = |(((&position, &row), place), thumbnail): (((&usize, &usize), &Vec<f64>), _)| MapPoint {
        path: judged.split.path(row),
        class: judged.split.label(row),
        predicted: predicted[position],
        x: place[0],
        y: place[1],
        thumbnail,
    };
    Ok(Some(EmbeddingMap {
        split: judged.split.name.to_owned(),
        images: count,
        shares: [found.shares[0], found.shares[1]],
        points: shown.iter().zip(&rows).zip(&found.coordinates).zip(thumbnails).map(point).collect(),
    }))
}
