//! The jobs as a person writes them: from a folder to answers.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::ops::ControlFlow;

use common::{Place, backbone, small};
use headstart::{
    Backbone, BackboneId, Classifier, Description, Device, Error, ErrorKind, Extraction, IfExists, ImageList,
    ImagePath, ImageSource, KernelConvention, LabelledFeatures, Monitor, Part, Predictor, Preprocessing,
    Preset, Recipe, Silent, Training,
};

fn recipe() -> Recipe {
    let mut recipe = Recipe::default();
    recipe.units = 4;
    recipe.options.epochs = 8;
    recipe
}

#[test]
fn a_folder_becomes_a_classifier_that_answers_as_it_was_trained() {
    let place = Place::new(5);
    let features = place.extract("f.npy").features().unwrap();
    let classifier = Classifier::train(&features, None, &recipe(), &mut Silent).unwrap();
    let evaluation = classifier.evaluate(&features).unwrap();
    assert!(evaluation.to_string().starts_with("accuracy  "), "{evaluation}");
    let file = place.path("model.safetensors");
    classifier.save(&file).unwrap();
    assert_eq!(
        classifier.save(&file).unwrap_err().kind(),
        ErrorKind::Resources,
        "nothing is replaced unasked"
    );

    let loaded = Classifier::load(&file).unwrap();
    assert_eq!(loaded.classes(), ["cats", "dogs"]);
    assert_eq!(loaded.preprocessing(), Some(&small()));
    std::fs::write(place.path("images/cats/torn.png"), "no image").unwrap();
    let answers = loaded.predict(&backbone(), [place.path("images")]).unwrap();
    assert_eq!(answers.len(), 11);
    let torn: Vec<&str> = answers
        .iter()
        .filter(|answer| answer.prediction.is_err())
        .map(|answer| answer.path.as_str())
        .collect();
    assert_eq!(torn.len(), 1);
    assert!(torn[0].ends_with("cats/torn.png"));
    let right = answers.iter().filter(|answer| {
        answer.prediction.as_ref().is_ok_and(|found| answer.path.contains(&format!("/{}/", found.label)))
    });
    let accuracy = right.count() as f64 / 10.0;
    assert!((accuracy - evaluation.accuracy).abs() < 1e-9, "{accuracy} against {}", evaluation.accuracy);
    for prediction in answers.iter().filter_map(|answer| answer.prediction.as_ref().ok()) {
        assert!((prediction.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let top = prediction.top(2);
        assert_eq!(loaded.classes()[top[0]], prediction.label);
        assert!(prediction.probabilities[top[0]] >= prediction.probabilities[top[1]]);
    }
}

#[test]
fn features_of_another_kind_are_refused_in_words() {
    let place = Place::new(3);
    let features = place.extract("f.npy").features().unwrap();
    let classifier = Classifier::train(&features, None, &recipe(), &mut Silent).unwrap();
    let (dataset, backbone) = (place.dataset(), backbone());
    let blog = Preprocessing::preset(Preset::Blog, 32, 32);
    let other = Extraction::new(&dataset, &backbone).preprocessing(blog).to(place.path("blog.npy"));
    let other = other.run(&mut Silent).unwrap().features().unwrap();
    let words = "preprocessing caffe 32x32 against blog 32x32";
    for error in [
        classifier.evaluate(&other).unwrap_err(),
        features.check_pair(&other).unwrap_err(),
        Classifier::train(&features, Some(&other), &recipe(), &mut Silent).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::BadData);
        let message = error.to_string();
        assert!(message.contains(words) && !message.contains('{'), "{message}");
    }
    // The same output is not mixed with rows of another kind either.
    let again = Extraction::new(&dataset, &backbone).preprocessing(small()).to(place.path("blog.npy"));
    let message = again.run(&mut Silent).unwrap_err().to_string();
    assert!(message.contains("blog 32x32") && message.contains("caffe 32x32"), "{message}");
}

#[test]
fn the_network_of_a_file_is_found_and_a_file_of_none_is_refused() {
    assert_eq!(backbone().id().to_string(), "vgg16");
    let place = Place::new(1);
    let file = place.path("text.h5");
    std::fs::write(&file, "no weights").unwrap();
    let error = Backbone::open(&file).unwrap_err();
    assert!(error.to_string().starts_with(&file.display().to_string()), "{error}");
    assert_eq!(error.kind(), ErrorKind::BadData);
    assert_eq!(Backbone::open(place.path("absent.h5")).unwrap_err().kind(), ErrorKind::Missing);
}

/// A head that Keras wrote states nothing; what is given takes its place.
#[test]
fn what_a_model_does_not_state_is_asked_for() {
    let place = Place::new(3);
    let extracted = place.extract("f.npy");
    // Features without a manifest give a model without a description.
    std::fs::copy(&extracted.summary.npy, place.path("bare.npy")).unwrap();
    let bare = LabelledFeatures::with_counts(place.path("bare.npy"), Some(&[3, 3])).unwrap();
    let classifier = Classifier::train(&bare, None, &recipe(), &mut Silent).unwrap();
    let backbone = backbone();
    let missing = match Predictor::new(&classifier, &backbone).unwrap_err() {
        Error::Unstated { parts, .. } => parts,
        error => panic!("{error}"),
    };
    assert_eq!(missing, [Part::Classes, Part::Preprocessing]);
    let given = Description {
        classes: Some(vec!["cats".to_owned(), "dogs".to_owned()]),
        preprocessing: Some(small()),
        backbone: Some(backbone.id()),
        ..Description::default()
    };
    let mut predictor = Predictor::with_description(&classifier, &backbone, given.clone()).unwrap();
    let without_network = Description { backbone: None, ..given.clone() };
    assert!(Predictor::with_description(&classifier, &backbone, without_network).is_ok(), "it is at hand");
    let vgg11 = BackboneId::new("vgg11".parse().unwrap(), KernelConvention::Auto);
    let of_another = Description { backbone: Some(vgg11), ..given.clone() };
    let error = Predictor::with_description(&classifier, &backbone, of_another).unwrap_err();
    assert_eq!(error.to_string(), "backbone: expected vgg11, as given, found weights of vgg16");
    let images = ImageList::new([place.path("images")], false, &mut Silent).unwrap();
    let mut labels = Vec::new();
    let answered = predictor.run(images, &mut |answer| {
        labels.push(answer.prediction.unwrap().label);
        if labels.len() < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(answered.unwrap().images, 4, "Break ends it after an answer");

    let features = extracted.features().unwrap();
    let stated = Classifier::train(&features, None, &recipe(), &mut Silent).unwrap();
    let error = Predictor::with_description(&stated, &backbone, given).unwrap_err();
    assert!(matches!(error, Error::Stated { part: Part::Classes, .. }), "{error}");
}

#[test]
fn features_without_labels_are_refused() {
    let place = Place::new(2);
    let extracted = place.extract("f.npy");
    std::fs::copy(&extracted.summary.npy, place.path("bare.npy")).unwrap();
    let error = LabelledFeatures::open(place.path("bare.npy")).unwrap_err();
    assert!(matches!(error, Error::NoLabels { .. }), "{error}");
    let error = LabelledFeatures::with_counts(place.path("f.npy"), Some(&[1, 3])).unwrap_err();
    assert!(error.to_string().contains("leave the counts out"), "{error}");
}

#[test]
fn a_sweep_names_a_head_to_take() {
    let place = Place::new(6);
    let features = place.extract("f.npy").features().unwrap();
    let mut recipe = recipe();
    recipe.options.epochs = 2;
    let sweep = recipe.sweep(&features, 3, &Device::Cpu, &mut Silent).unwrap();
    assert!(sweep.chosen_head().is_some());
    assert_eq!(sweep.scores.len(), 7);
}

/// Gives the images of a folder without saying how many there are.
struct Uncounted(ImageList);

impl ImageSource for Uncounted {
    fn next_paths(&mut self, limit: usize) -> Result<Vec<ImagePath>, Error> {
        self.0.next_paths(limit)
    }
}

#[test]
fn a_batch_of_no_image_is_refused_however_the_images_come() {
    let place = Place::new(3);
    let features = place.extract("f.npy").features().unwrap();
    let classifier = Classifier::train(&features, None, &recipe(), &mut Silent).unwrap();
    let backbone = backbone();
    let mut predictor = Predictor::new(&classifier, &backbone).unwrap().batch_size(0);
    let images = || ImageList::new([place.path("images")], false, &mut Silent).unwrap();
    let mut ignore = |_| ControlFlow::Continue(());
    for error in [
        predictor.run(images(), &mut ignore).unwrap_err(),
        predictor.run(Uncounted(images()), &mut ignore).unwrap_err(),
        Extraction::new(&place.dataset(), &backbone)
            .preprocessing(small())
            .batch_size(0)
            .to(place.path("g.npy"))
            .run(&mut Silent)
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.to_string(), "batch size: expected at least 1, found 0");
    }
}

/// The recipe decides which epoch a training keeps, whether it is recorded or not.
#[test]
fn a_record_does_not_change_which_epoch_is_kept() {
    let place = Place::new(6);
    let features = place.extract("f.npy").features().unwrap();
    let copy = place.copy_of(&features);
    let mut recipe = recipe();
    recipe.options.keep_best = Some(Monitor::ValLoss);
    let training = || Training::new(&features, &recipe).validate_on(&copy).monitor(Monitor::ValAccuracy);
    let unrecorded = training().run(&mut Silent).unwrap();
    let folder = place.path("run");
    let recorded = training().record_in(&folder, IfExists::Refuse).run(&mut Silent).unwrap();
    let [by_loss, by_accuracy] = [Monitor::ValLoss, Monitor::ValAccuracy]
        .map(|monitor| unrecorded.history.best(monitor).unwrap().epoch);
    assert_ne!(by_loss, by_accuracy, "the two metrics must disagree for this test to show anything");
    assert_eq!(unrecorded.kept.epoch, by_loss);
    assert_eq!(recorded.kept.epoch, by_loss);
}

#[test]
fn a_label_of_no_class_is_an_error() {
    let place = Place::new(1);
    let (mut dataset, backbone) = (place.dataset(), backbone());
    dataset.samples[0].label = 77;
    let extraction = Extraction::new(&dataset, &backbone).preprocessing(small()).to(place.path("f.npy"));
    let error = extraction.run(&mut Silent).unwrap_err();
    assert!(error.to_string().contains("label 77"), "{error}");
}

/// A web page asks again and again: the network stays, and the answers are those of a new predictor, to the bit.
#[test]
fn a_predictor_answers_again_as_if_it_were_new() {
    let place = Place::new(6);
    let features = place.extract("f.npy").features().unwrap();
    let classifier = Classifier::train(&features, None, &recipe(), &mut Silent).unwrap();
    let backbone = backbone();
    let answers = |predictor: &mut Predictor<'_>, images: &str| {
        let images = ImageList::new([place.path(images)], false, &mut Silent).unwrap();
        let mut answers = Vec::new();
        predictor
            .run(images, &mut |answer| {
                answers.push(answer);
                ControlFlow::Continue(())
            })
            .unwrap();
        answers
    };
    let new = || Predictor::new(&classifier, &backbone).unwrap();
    let mut kept = new();
    // Twelve images, one, one, twelve: few and many are computed by different engines.
    for images in ["images", "images/cats/0.png", "images/dogs/1.png", "images"] {
        assert_eq!(answers(&mut kept, images), answers(&mut new(), images), "{images}");
    }
}

#[test]
fn images_in_memory_get_the_answers_of_their_files_whatever_comes_with_them() {
    let place = Place::new(5);
    let features = place.extract("f.npy").features().unwrap();
    let classifier = Classifier::train(&features, None, &recipe(), &mut Silent).unwrap();
    std::fs::write(place.path("images/cats/torn.png"), "no image").unwrap();
    let backbone = backbone();
    let answers = classifier.predict(&backbone, [place.path("images")]).unwrap();
    let images: Vec<Vec<u8>> = answers.iter().map(|answer| std::fs::read(&answer.path).unwrap()).collect();

    let ready = Predictor::new(&classifier, &backbone).unwrap().ready().unwrap();
    assert_eq!(ready.classes(), ["cats", "dogs"]);
    assert_eq!(ready.preprocessing(), &small());
    let together = ready.predict(&images).unwrap();
    assert_eq!(together.len(), 11);
    std::thread::scope(|scope| {
        for (answer, found) in answers.iter().zip(&together) {
            let image = &images[answers.iter().position(|other| other == answer).unwrap()];
            let ready = &ready;
            scope.spawn(move || {
                match (&answer.prediction, found, ready.predict(&[image]).unwrap().remove(0)) {
                    (Ok(of_file), Ok(together), Ok(alone)) => {
                        assert_eq!((of_file, of_file), (together, &alone), "{}", answer.path);
                    }
                    (Err(skipped), Err(together), Err(alone)) => {
                        assert_eq!(skipped.reason, together.to_string());
                        assert_eq!(skipped.reason, alone.to_string());
                    }
                    (of_file, ..) => panic!("{}: {of_file:?}", answer.path),
                }
            });
        }
    });
    assert!(ready.predict::<Vec<u8>>(&[]).unwrap().is_empty());

    let mut pixels = vec![0.5];
    assert!(ready.decode(b"no image", &mut pixels).is_err());
    assert_eq!(pixels, [0.5]);
    assert!(ready.predict_pixels(&pixels).is_err());
}
