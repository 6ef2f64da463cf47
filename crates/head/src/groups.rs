//! Rows that belong together: copies, the frames of a video, the scans of a patient.

use std::collections::BTreeMap;

use crate::error::EvaluationError as Error;

/// The rows of each group, the groups in the order of their first rows. Without ids each row is a group.
///
/// # Errors
///
/// [`Error::GroupCount`] when there are ids, but not one for each of `rows` rows.
pub(crate) fn members(groups: Option<&[usize]>, rows: usize) -> Result<Vec<Vec<usize>>, Error> {
    let Some(groups) = groups else {
        return Ok((0..rows).map(|row| vec![row]).collect());
    };
    if groups.len() != rows {
        return Err(Error::GroupCount { rows, groups: groups.len() });
    }
    let mut places = BTreeMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, group) in groups.iter().enumerate() {
        let place = *places.entry(group).or_insert(members.len());
        if place == members.len() {
            members.push(Vec::new());
        }
        members[place].push(row);
    }
    Ok(members)
}
