//! A `.npy` of any array, without a manifest.

use std::path::Path;

use headstart_files::IfExists;

use crate::Error;
use crate::header::encode_header;

/// Writes an array of f32 as a `.npy` that `numpy.load` opens, without a manifest.
///
/// # Shapes
/// `values` has `rows` rows of `row_shape`, which has one to three axes, in C order.
///
/// # Errors
/// [`Error::File`] if the name is taken or can't be written.
pub fn write_array(
    path: &Path,
    rows: usize,
    row_shape: &[usize],
    values: &[f32],
    if_exists: IfExists,
) -> Result<(), Error> {
    headstart_files::write(path, if_exists, |writer| {
        let mut write = || {
            writer.write_all(&encode_header(rows, row_shape))?;
            values.iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))
        };
        write().map_err(|cause| Error::from(headstart_files::Error::io(path, "write it")(cause)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;

    #[test]
    fn an_array_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("array.npy");
        let values: Vec<f32> = (0_u8..24).map(f32::from).collect();
        write_array(&path, 2, &[3, 2, 2], &values, IfExists::Refuse).unwrap();
        let found = Features::open(&path).unwrap();
        assert_eq!((found.rows(), found.row_shape()), (2, &[3, 2, 2][..]));
        assert_eq!(found.read_all().unwrap(), values);
        assert!(found.manifest().is_none());
        assert!(matches!(write_array(&path, 2, &[12], &values, IfExists::Refuse), Err(Error::File(_))));
    }
}
