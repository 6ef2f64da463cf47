//! The whole job on the repository's images: features, training, an evaluation, a model file and an answer.
//!
//! `cargo run --release -p headstart --example whole_job [FOLDER FOR THE RESULTS]`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use headstart::{
    Backbone, Classifier, Dataset, Extraction, LabelledFeatures, Preprocessing, Preset, Recipe, Silent,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let results = std::env::args_os().nth(1).map_or("runs/whole_job".into(), std::path::PathBuf::from);
    std::fs::create_dir_all(&results)?;
    let backbone = Backbone::open("data/weights/vgg16_weights.h5")?;

    let features = |part: &str| -> Result<LabelledFeatures, headstart::Error> {
        let images = Dataset::folder(format!("data/{part}"))?;
        let extraction = Extraction::new(&images, &backbone)
            .preprocessing(Preprocessing::preset(Preset::Caffe, 150, 150))
            .to(results.join(format!("{part}.npy")));
        extraction.run(&mut Silent)?.features()
    };
    let (train, validation) = (features("train")?, features("validation")?);

    let classifier = Classifier::train(&train, Some(&validation), &Recipe::default(), &mut Silent)?;
    let evaluation = classifier.evaluate(&validation)?;
    println!("{} images of data/validation:\n{evaluation}", evaluation.rows);
    let model = results.join("model.safetensors");
    classifier.save_as(&model, headstart::IfExists::Replace)?;

    let images =
        ["data/validation/animals/a_simple_pig_01.jpg", "data/validation/food/bananas_nicu_buculei_01.jpg"];
    for answer in Classifier::load(&model)?.predict(&backbone, images)? {
        println!(
            "{}: {}",
            answer.path,
            answer.prediction.map_or_else(|skipped| skipped.reason, |found| found.label)
        );
    }
    Ok(())
}
