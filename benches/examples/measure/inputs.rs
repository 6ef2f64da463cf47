//! What all contestants are measured on, made from the shipped images. Arrays are little-endian f32 in C order:
//!
//! - `blog_150.f32`, `blog_224.f32`, `caffe_150.f32`, `caffe_224.f32`, and those of [`NETWORKS`]: [`IMAGES`] x 3 x side x
//!   side, preset and side by name;
//! - `head.f32`: [`ROWS`] x [`COLUMNS`] feature rows, row r of class r mod 2;
//! - `folder`: JPEGs of 400 x 360 in two classes, `even` and `odd`; `one`: the first of them, and an empty class.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use headstart_benches::data;
use headstart_dataset::{
    Dataset, Limits, Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, decode, scan,
};
use headstart_head::random::{Random, Stream};
use image::imageops::{FilterType, resize};

/// Images in an array: the largest batch.
pub(crate) const IMAGES: usize = 32;
/// Presets and sides of the networks other than VGG16.
const NETWORKS: [(Preset, usize); 3] =
    [(Preset::Torchvision, 224), (Preset::Inception, 224), (Preset::Inception, 260)];
/// Rows that a head is trained on.
pub(crate) const ROWS: usize = 2000;
/// Values of a row: VGG16's at 150 x 150.
pub(crate) const COLUMNS: usize = 8192;

pub(crate) fn write(folder: &Path, jpegs: usize) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let vgg16 =
        [Preset::Blog, Preset::Caffe].into_iter().flat_map(|preset| [150, 224].map(|side| (preset, side)));
    for (preset, side) in vgg16.chain(NETWORKS) {
        write_f32(&folder.join(format!("{preset}_{side}.f32")), &images(preset, side)?)?;
    }
    // 71 % zeros, as pooled features have; the values decide nothing about the time.
    let mut random = Random::new(1, Stream::Initialization);
    let rows: Vec<f32> = (0..ROWS * COLUMNS).map(|_| (random.uniform() - 0.71).max(0.0)).collect();
    write_f32(&folder.join("head.f32"), &rows)?;
    write_jpegs(folder, jpegs)
}

/// Images spread over both classes of the validation folder.
fn images(preset: Preset, side: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut dataset = scan(&data("validation"), &ScanOptions::default())?;
    let step = dataset.samples.len() / IMAGES;
    dataset.samples = dataset.samples.into_iter().step_by(step).take(IMAGES).collect();
    pixels(dataset, preset, side)
}

/// All images of both folders, in the place of the [`IMAGES`] of [`write`].
pub(crate) fn write_all_images(folder: &Path, side: usize) -> Result<(), Box<dyn Error>> {
    for preset in [Preset::Blog, Preset::Caffe] {
        let mut all = Vec::new();
        for part in ["train", "validation"] {
            all.extend(pixels(scan(&data(part), &ScanOptions::default())?, preset, side)?);
        }
        write_f32(&folder.join(format!("{preset}_{side}.f32")), &all)?;
    }
    Ok(())
}

fn pixels(dataset: Dataset, preset: Preset, side: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let preprocessing = Preprocessing::preset(preset, side, side);
    let options = LoaderOptions::default().with_batch_size(IMAGES);
    Ok(Loader::new(dataset, preprocessing, options)?.flat_map(|batch| batch.pixels).collect())
}

/// The shipped images one after the other, and over again, all of one size.
fn write_jpegs(folder: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    for folder in [folder.join("folder"), folder.join("one")] {
        fs::create_dir_all(folder.join("even"))?;
        fs::create_dir_all(folder.join("odd"))?;
    }
    let dataset = scan(&data("train"), &ScanOptions::default())?;
    for (index, sample) in dataset.samples.iter().cycle().take(count).enumerate() {
        let pixels = decode(&fs::read(dataset.path_of(sample))?, &Limits::default())?;
        let class = if index % 2 == 0 { "even" } else { "odd" };
        let jpeg = format!("{class}/{index:04}.jpg");
        resize(&pixels, 400, 360, FilterType::Triangle).save(folder.join("folder").join(&jpeg))?;
        if index == 0 {
            fs::copy(folder.join("folder").join(&jpeg), folder.join("one").join(&jpeg))?;
        }
    }
    Ok(())
}

/// Writes an array.
pub(crate) fn write_f32(path: &Path, values: &[f32]) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(fs::write(path, bytes)?)
}

/// `count` values of an array, from value `first` on.
pub(crate) fn read_f32(path: &Path, first: usize, count: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let (mut file, mut bytes) = (File::open(path)?, vec![0; 4 * count]);
    file.seek(SeekFrom::Start(4 * first as u64))?;
    file.read_exact(&mut bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
        .collect())
}
