//! The feature store: writing 380 rows with their manifest, and reading them in random batches.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is its own documentation, and may fail")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headstart_features::{Existing, Features, ManifestHeader, RowRecord, Writer};
use headstart_head::random::{Random, Stream};
use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};

const ROWS: usize = 380;
const ROW: usize = 8192;

fn npy(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.npy");
    let weights = WeightsFile { name: "vgg16_weights.h5".into(), blake3: "00".into() };
    let preprocessing = Preprocessing::preset(Preset::Blog, 150, 150);
    let provenance = Provenance::new("vgg16", weights, preprocessing, Pooling::None);
    let header = ManifestHeader::new(vec!["animals".into(), "food".into()], provenance, [512, 4, 4], "none");
    let values: Vec<f32> = (0..32 * ROW).map(|i| (i % 97) as f32).collect();
    let record = |row: usize| RowRecord { path: format!("animals/{row}.jpg"), label: 0, hash: "00".into() };
    let write = || {
        let mut writer = Writer::open(&path, header.clone(), Existing::Replace).unwrap();
        for start in (0..ROWS).step_by(32) {
            let records: Vec<_> = (start..ROWS.min(start + 32)).map(record).collect();
            writer.append(&values[..records.len() * ROW], &records).unwrap();
        }
        writer.finish().unwrap()
    };
    let mut group = criterion.benchmark_group("npy");
    group.throughput(Throughput::Bytes((ROWS * ROW * 4) as u64)).sample_size(20);
    group.bench_function("write 380 rows, with fsync", |bencher| bencher.iter(write));

    let features = Features::open(&path).unwrap();
    let mut order: Vec<usize> = (0..ROWS).collect();
    Random::new(1, Stream::Shuffle).shuffle(&mut order);
    let mut batch = vec![0.0; 32 * ROW];
    group.bench_function("read 380 rows, in random batches of 32", |bencher| {
        bencher.iter(|| {
            for rows in order.chunks(32) {
                features.read_rows(rows, &mut batch[..rows.len() * ROW]).unwrap();
            }
        });
    });
}

criterion_group!(benches, npy);
criterion_main!(benches);
