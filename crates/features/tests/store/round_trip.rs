//! Any shape, any batches, any mix of rows and skipped images comes back as it went in.

use crate::common::{header, record, skipped};
use headstart_features::{Existing, Features, Writer};
use proptest::prelude::*;

/// What happens to one image: a row with this first value, or nothing.
#[derive(Debug, Clone)]
enum Image {
    Row(u32),
    Skipped,
}

fn images() -> impl Strategy<Value = Vec<Image>> {
    let image = prop_oneof![3 => any::<u32>().prop_map(Image::Row), 1 => Just(Image::Skipped)];
    prop::collection::vec(image, 1..40)
        .prop_filter("at least one row", |all| all.iter().any(|image| matches!(image, Image::Row(_))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_records_stay_in_step(
        images in images(),
        row_shape in prop::array::uniform3(1_usize..5),
        batch in 1_usize..7,
    ) {
        let row_len: usize = row_shape.iter().product();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.npy");
        let mut writer = Writer::open(&path, header(row_shape), Existing::Reuse).unwrap();
        // Image i has path i and bits that tell it, so that a shifted row can't pass.
        let bits = |seed: u32, at: usize| seed.wrapping_add(at as u32);
        for (start, part) in (0..).step_by(batch).zip(images.chunks(batch)) {
            let (mut values, mut records) = (Vec::new(), Vec::new());
            for (i, image) in (start..).zip(part) {
                let label = (i % 2) as u32;
                match image {
                    Image::Row(seed) => {
                        values.extend((0..row_len).map(|at| f32::from_bits(bits(*seed, at))));
                        records.push(record(i, label));
                    }
                    Image::Skipped => writer.skip(&skipped(i, label)).unwrap(),
                }
            }
            writer.append(&values, &records).unwrap();
        }
        let summary = writer.finish().unwrap();

        let features = Features::open(&path).unwrap();
        prop_assert_eq!(features.row_shape(), &row_shape[..]);
        prop_assert_eq!(features.rows() + summary.skipped, images.len());
        let manifest = features.manifest().unwrap();
        let all = features.read_all().unwrap();
        let mut row = 0;
        let mut left_out = manifest.skipped.iter();
        let mut values = vec![0.0; row_len];
        for (i, image) in images.iter().enumerate() {
            let label = (i % 2) as u32;
            let Image::Row(seed) = image else {
                prop_assert_eq!(left_out.next(), Some(&skipped(i, label)));
                continue;
            };
            prop_assert_eq!(&manifest.rows[row], &record(i, label));
            features.read_rows(&[row], &mut values).unwrap();
            for (at, value) in values.iter().enumerate() {
                prop_assert_eq!(value.to_bits(), bits(*seed, at));
                prop_assert_eq!(all[row * row_len + at].to_bits(), bits(*seed, at));
            }
            row += 1;
        }
        prop_assert_eq!(row, features.rows());
        features.verify_data().unwrap();
    }

    #[test]
    fn any_bytes_after_the_magic_are_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.npy");
        std::fs::write(&path, [&b"\x93NUMPY\x01\x00"[..], &bytes].concat()).unwrap();
        if let Ok(features) = Features::open(&path) {
            prop_assert_eq!(features.read_all().unwrap().len(), features.rows() * features.row_len());
        }
    }

    #[test]
    fn a_golden_with_damaged_header_bytes_never_panics(changes in prop::collection::vec((8_usize..128, any::<u8>()), 1..6)) {
        let mut bytes = std::fs::read(crate::common::golden("f4.npy")).unwrap();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.npy");
        std::fs::write(&path, bytes).unwrap();
        if let Ok(features) = Features::open(&path) {
            prop_assert_eq!(features.read_all().unwrap().len(), features.rows() * features.row_len());
        }
    }
}
