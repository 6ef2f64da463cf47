//! A folder of images to a classifier and its figures.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;
use std::ops::ControlFlow;

use common::{Place, backbone, small};
use headstart::report::Report;
use headstart::{
    Backbone, Classifier, Dataset, Error, ErrorKind, FitRecipe, FitRecord, Fitted, Fitting, LabelledFeatures,
    Observer, Pooling, Progress, Silent, Stage,
};

/// A fit of the images into a file. They are all alike, so only equal ones stay together.
fn fitting<'a>(place: &Place, dataset: &'a Dataset, backbone: &'a Backbone, name: &str) -> Fitting<'a> {
    Fitting::new(dataset, backbone).preprocessing(small()).to(place.path(name)).near_duplicates(0.0)
}

fn fit(place: &Place, name: &str) -> Result<Fitted, Error> {
    fitting(place, &place.dataset(), &backbone(), name).run(&mut Silent)
}

fn folder(place: &Place, name: &str) -> Dataset {
    Dataset::folder(place.path(name)).unwrap()
}

fn copy(place: &Place, from: &str, to: &str) {
    fs::create_dir_all(place.path(to).parent().unwrap()).unwrap();
    fs::copy(place.path(from), place.path(to)).unwrap();
}

/// A test folder with images that are not in `images`.
fn test_images(place: &Place) {
    for (class, level) in [("cats", 35), ("dogs", 215)] {
        for index in 0..3 {
            place.image(&format!("test/{class}/{index}.png"), level, index);
        }
    }
}

/// Ends a stage when it has done so much.
struct EndingAt(Stage, usize);

impl Observer for EndingAt {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let ends = progress.stage == self.0 && progress.done >= self.1;
        if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_fit_writes_a_model_with_its_figures_and_a_rerun_computes_new_images_alone() {
    let place = Place::new(6);
    let fitted = fit(&place, "m.safetensors").unwrap();
    assert_eq!((fitted.record.rows, fitted.record.groups, fitted.record.folds), (12, 12, 5));
    assert_eq!((fitted.cross_validation.rows, fitted.extracted.summary.computed), (12, 12));
    assert_eq!(fitted.cross_validation.accuracy, 1.0);
    assert!(fitted.test.is_none() && fitted.leaks.is_empty());
    let loaded = Classifier::load(place.path("m.safetensors")).unwrap();
    assert_eq!(FitRecord::of(&loaded).as_ref(), Some(&fitted.record));
    assert_eq!(loaded.classes(), ["cats", "dogs"]);
    // The written head gives what the features give.
    let features = LabelledFeatures::open(place.path("m.features.npy")).unwrap();
    assert_eq!(features.features().row_shape(), [512], "maps are pooled");
    assert_eq!(loaded.evaluate(&features).unwrap(), fitted.classifier.evaluate(&features).unwrap());
    let answers = loaded.predict(&backbone(), [place.path("images/dogs/0.png")]).unwrap();
    assert_eq!(answers[0].prediction.as_ref().unwrap().label, "dogs");

    let first = fs::read(place.path("m.safetensors")).unwrap();
    let again = fit(&place, "m.safetensors").unwrap();
    assert_eq!((again.extracted.summary.computed, again.extracted.summary.kept), (0, 12));
    assert!(fs::read(place.path("m.safetensors")).unwrap() == first);
    place.image("images/dogs/new.png", 200, 9);
    assert_eq!(fit(&place, "m.safetensors").unwrap().extracted.summary.computed, 1);
}

#[test]
fn neither_threads_nor_an_interruption_change_the_model() {
    let place = Place::new(6);
    test_images(&place);
    let (dataset, test, backbone) = (place.dataset(), folder(&place, "test"), backbone());
    let fit = |name: &str, threads: usize, observer: &mut (dyn Observer + Send)| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fitting(&place, &dataset, &backbone, name).test_on(&test).run(observer))
    };
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    fit("1.safetensors", 1, &mut Silent).unwrap();
    for threads in [2, 3] {
        let name = format!("{threads}.safetensors");
        fit(&name, threads, &mut Silent).unwrap();
        assert!(bytes(&name) == bytes("1.safetensors"), "{threads} threads");
    }
    for (stage, done) in [
        (Stage::Look, 1),
        (Stage::Extraction, 0),
        (Stage::CrossValidation, 7),
        (Stage::LearningCurve, 2),
        (Stage::Fit, 0),
    ] {
        let error = fit("ended.safetensors", 2, &mut EndingAt(stage, done)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        assert!(!place.path("ended.safetensors").exists());
    }
    fit("ended.safetensors", 2, &mut Silent).unwrap();
    assert!(bytes("ended.safetensors") == bytes("1.safetensors"));
}

#[test]
fn a_test_folder_is_never_trained_on_and_a_leak_is_left_out_or_refused() {
    let place = Place::new(6);
    test_images(&place);
    let (backbone, clean) = (backbone(), folder(&place, "test"));
    let dataset = place.dataset();
    let fitted = fitting(&place, &dataset, &backbone, "c.safetensors").test_on(&clean).run(&mut Silent);
    let fitted = fitted.unwrap();
    assert_eq!((fitted.record.rows, fitted.leaks.len()), (12, 0));
    let test = fitted.test.unwrap();
    assert_eq!((test.rows, fitted.record.headline().images), (6, 6));
    // `evaluate` says the same of the same images.
    let features = LabelledFeatures::open(place.path("c.test.features.npy")).unwrap();
    assert_eq!(fitted.classifier.evaluate(&features).unwrap().loss, test.loss);

    // A copy under another label, too.
    copy(&place, "images/cats/2.png", "test/cats/copy.png");
    copy(&place, "images/cats/3.png", "test/dogs/copy.png");
    let leaky = folder(&place, "test");
    let fitted = fitting(&place, &dataset, &backbone, "l.safetensors").test_on(&leaky).run(&mut Silent);
    let fitted = fitted.unwrap();
    assert_eq!(fitted.leaks, ["cats/2.png", "cats/3.png"]);
    assert_eq!((fitted.record.rows, fitted.test.unwrap().rows), (10, 8));
    let strict = fitting(&place, &dataset, &backbone, "s.safetensors").test_on(&leaky).strict(true);
    let error = strict.run(&mut Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
    assert!(error.to_string().contains("found 2, first cats/2.png"), "{error}");
    assert!(!place.path("s.features.npy").exists(), "before features are computed");
}

#[test]
fn groups_are_on_one_side() {
    let place = Place::new(8);
    // Each image three times.
    for class in ["cats", "dogs"] {
        for index in 0..8 {
            for copied in ["b", "c"] {
                let image = format!("images/{class}/{index}");
                copy(&place, &format!("{image}.png"), &format!("{image}{copied}.png"));
            }
        }
    }
    let (dataset, backbone) = (place.dataset(), backbone());
    let fitted = fitting(&place, &dataset, &backbone, "m.safetensors").test_share(0.25).run(&mut Silent);
    let fitted = fitted.unwrap();
    let test = fitted.test.unwrap();
    assert_eq!((fitted.record.rows, fitted.record.groups, test.rows), (36, 12, 12));
    assert_eq!(test.per_class.iter().map(|class| class.support).collect::<Vec<_>>(), [6, 6]);
    assert_eq!(test.intervals.unwrap().groups, Some(4), "drawn by groups");
    let fitted = fitting(&place, &dataset, &backbone, "m.safetensors").group_by("/([0-9])").run(&mut Silent);
    assert_eq!(fitted.unwrap().record.groups, 8, "one of each class in a group");
    let fitted = fitting(&place, &dataset, &backbone, "m.safetensors").group_by("^[a-z]+/").run(&mut Silent);
    let error = fitted.unwrap_err().to_string();
    assert!(
        error.contains("class cats: expected at least 2 groups of images to train on, found 1"),
        "{error}"
    );
}

/// A picture of 4 x 4 blocks of colours that are of the number alone, a little brighter where asked.
fn blocks(place: &Place, name: &str, number: u32, brighter: u8) {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let colour = |x: u32, y: u32, channel: u32| {
        let block = (y / 12) * 4 + x / 12;
        let mut mixed = (number * 48 + block * 3 + channel + 1).wrapping_mul(0x9E37_79B9);
        mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85EB_CA6B);
        mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xC2B2_AE35);
        ((mixed >> 16) % 200) as u8 + brighter
    };
    image::RgbImage::from_fn(48, 48, |x, y| image::Rgb([0, 1, 2].map(|c| colour(x, y, c))))
        .save(path)
        .unwrap();
}

#[test]
fn near_duplicates_stay_together_and_those_under_two_labels_are_told() {
    let place = Place { folder: tempfile::TempDir::new().unwrap() };
    for number in 0..14 {
        let class = if number % 2 == 0 { "cats" } else { "dogs" };
        blocks(&place, &format!("images/{class}/{number:02}.png"), number, 0);
    }
    // A near copy of the same class, one of the other class, and one in a test folder.
    blocks(&place, "images/cats/00 again.png", 0, 2);
    blocks(&place, "images/dogs/02 again.png", 2, 2);
    blocks(&place, "test/cats/04 again.png", 4, 2);
    blocks(&place, "test/dogs/20.png", 21, 0);
    let (dataset, test, backbone) = (place.dataset(), folder(&place, "test"), backbone());
    let new = |name: &str| {
        Fitting::new(&dataset, &backbone).preprocessing(small()).to(place.path(name)).test_on(&test)
    };
    // Pictures of blocks are more alike than photographs.
    let fitted = new("m.safetensors").near_duplicates(0.02).run(&mut Silent).unwrap();
    assert_eq!(fitted.leaks, ["cats/04.png"], "the near copy in the test folder");
    assert_eq!((fitted.record.rows, fitted.record.groups), (15, 13));
    let pairs: Vec<_> = fitted
        .near_pairs
        .iter()
        .map(|pair| (pair.first.as_str(), pair.second.as_str(), pair.in_test))
        .collect();
    assert_eq!(
        pairs,
        [("cats/02.png", "dogs/02 again.png", false), ("cats/04.png", "cats/04 again.png", true)]
    );
    let shown = Report::of_fitting(&fitted).unwrap().near_duplicates;
    let shown: Vec<_> = shown
        .iter()
        .map(|pair| (pair.a.path.as_str(), pair.b.path.as_str(), pair.b.split == "test"))
        .collect();
    assert_eq!(shown, pairs);
    let told = fitted.record.near_duplicates.clone().unwrap();
    assert_eq!((told.images, told.together), (6, true));
    assert!(fitted.record.ungrouped.is_some());
    let apart = new("apart.safetensors").near_duplicates(0.0).run(&mut Silent).unwrap();
    assert_eq!((apart.record.rows, apart.record.groups, apart.leaks.len()), (16, 16, 0));
    assert!(apart.record.near_duplicates.is_none() && apart.record.ungrouped.is_none());

    // A table puts both classes' pictures of a number in one group.
    let table: String = (0..14)
        .map(|n| format!("{}/{n:02}.png,{}\n", if n % 2 == 0 { "cats" } else { "dogs" }, n / 2))
        .collect();
    fs::write(place.path("groups.csv"), format!("path,group\n{table}")).unwrap();
    let grouped = new("g.safetensors").near_duplicates(0.0).groups_from(place.path("groups.csv"));
    let grouped = grouped.run(&mut Silent).unwrap();
    assert_eq!(grouped.record.groups, 9, "seven of the table and two pictures that it does not list");
    assert!(grouped.record.groups_file.unwrap().ends_with("groups.csv"));
    let error = new("e.safetensors").groups_from(place.path("absent.csv")).run(&mut Silent).unwrap_err();
    assert!(error.to_string().contains("absent.csv"), "{error}");
}

#[test]
fn other_recipes_are_judged_alike_and_the_blogs_is_calibrated_on_request() {
    let place = Place::new(6);
    let (dataset, backbone) = (place.dataset(), backbone());
    let fit = |name: &str, recipe| fitting(&place, &dataset, &backbone, name).recipe(recipe);
    let mlp = fit("mlp.safetensors", FitRecipe::Mlp).run(&mut Silent).unwrap();
    assert_eq!((mlp.record.recipe.as_str(), mlp.record.solver.as_str()), ("mlp", "adam"));
    let settings = Report::of_fitting(&mlp).unwrap().settings;
    let recipe = settings.iter().find(|line| line.name == "Recipe").unwrap();
    assert!(
        recipe.value.starts_with("mlp, ") && recipe.value.ends_with(" epochs of adam"),
        "{}",
        recipe.value
    );
    assert!(settings.iter().all(|line| line.name != "Strength"));
    assert!(mlp.record.standardized && mlp.record.calibrated && mlp.cross_validation.accuracy > 0.9);
    assert_eq!(mlp.record.training.as_ref().unwrap().epochs, 30);
    let loaded = Classifier::load(place.path("mlp.safetensors")).unwrap();
    assert_eq!(FitRecord::of(&loaded).as_ref(), Some(&mlp.record));
    let answers = loaded.predict(&backbone, [place.path("images/dogs/0.png")]).unwrap();
    assert_eq!(answers[0].prediction.as_ref().unwrap().label, "dogs");

    let blog = fit("blog.safetensors", FitRecipe::Blog).run(&mut Silent).unwrap();
    let shape = blog.extracted.shape.clone();
    assert_eq!(shape, [12, 512, 1, 1], "maps as they are");
    assert!(!blog.record.standardized && !blog.record.calibrated && blog.record.temperature.value() == 1.0);
    let calibrated = fit("blog.safetensors", FitRecipe::Blog).calibrate(true).run(&mut Silent).unwrap();
    assert!(calibrated.record.calibrated && calibrated.extracted.summary.computed == 0);
    let ended = fit("ended.safetensors", FitRecipe::Mlp).run(&mut EndingAt(Stage::Training, 3)).unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Interrupted);
    assert!("mpl".parse::<FitRecipe>().is_err());
}

#[test]
fn mirror_images_are_averaged_in_fit_and_predict_alike() {
    let place = Place::new(4);
    for number in 0..3 {
        blocks(&place, &format!("images/dogs/blocks{number}.png"), number, 0);
    }
    let (dataset, backbone) = (place.dataset(), backbone());
    let fit = |name: &str, mirror| {
        let fitting = fitting(&place, &dataset, &backbone, name).mirror(mirror).unknown_share(0.1);
        fitting.run(&mut Silent).unwrap();
        LabelledFeatures::open(place.path(&name.replace("safetensors", "features.npy"))).unwrap()
    };
    let features = fit("m.safetensors", true);
    assert!(features.manifest().unwrap().header.provenance.preprocessing.mirror);
    assert!(
        features.features().read_all().unwrap() != fit("p.safetensors", false).features().read_all().unwrap()
    );
    // A picture and its mirror image get the same answer, to the last bits of a mean.
    let image = image::open(place.path("images/dogs/blocks1.png")).unwrap();
    image.fliph().save(place.path("flipped.png")).unwrap();
    let loaded = Classifier::load(place.path("m.safetensors")).unwrap();
    let paths = [place.path("images/dogs/blocks1.png"), place.path("flipped.png")];
    let answers = loaded.predict(&backbone, &paths).unwrap();
    let [one, other] = [0, 1].map(|i| answers[i].prediction.clone().unwrap());
    assert!((one.probability - other.probability).abs() < 1e-6, "{one:?} {other:?}");
    assert!((one.novelty.unwrap() - other.novelty.unwrap()).abs() < 1e-4);
    let maps = fitting(&place, &dataset, &backbone, "e.safetensors").mirror(true).pooling(Pooling::None);
    let error = maps.run(&mut Silent).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Usage && error.to_string().starts_with("pool: expected pooled"),
        "{error}"
    );
}

#[test]
fn a_wrong_label_comes_first_and_a_strange_image_is_unknown() {
    let place = Place::new(9);
    // A dog among the cats.
    place.image("images/cats/wrong.png", 220, 40);
    let (dataset, backbone) = (place.dataset(), backbone());
    let fitted = fitting(&place, &dataset, &backbone, "m.safetensors").run(&mut Silent).unwrap();
    let first = fitted.label_errors.first().unwrap();
    assert_eq!(
        (first.path.as_str(), first.given.as_str(), first.suggested.as_str()),
        ("cats/wrong.png", "cats", "dogs")
    );
    assert!(first.probability_of_suggested > first.probability_of_given);
    let unknown = fitted.record.unknown.clone().unwrap();
    assert!(unknown.share == 0.01 && unknown.refused <= 0.1, "{unknown:?}");

    blocks(&place, "strange.png", 3, 0);
    let paths = [place.path("strange.png"), place.path("images/dogs/1.png")];
    let loaded = Classifier::load(place.path("m.safetensors")).unwrap();
    let answers = loaded.predict(&backbone, &paths).unwrap();
    let novelty = |i: usize| answers[i].prediction.as_ref().unwrap();
    assert!(novelty(0).is_unknown() && !novelty(1).is_unknown(), "{answers:?}");
    assert_eq!(novelty(0).probabilities.len(), 2, "its probabilities are told all the same");
    let features = LabelledFeatures::open(place.path("m.features.npy")).unwrap();
    assert_eq!(loaded.refused(&features).unwrap().unwrap().rows, 19);
    let plain =
        fitting(&place, &dataset, &backbone, "p.safetensors").unknown_share(0.0).run(&mut Silent).unwrap();
    assert!(plain.record.unknown.is_none() && plain.classifier.refused(&features).unwrap().is_none());
    for (fitting, setting) in [
        (fitting(&place, &dataset, &backbone, "e.safetensors").unknown_share(1.0), "unknown_share: "),
        (fitting(&place, &dataset, &backbone, "e.safetensors").near_duplicates(-0.1), "near_duplicates: "),
    ] {
        assert!(fitting.run(&mut Silent).unwrap_err().to_string().starts_with(setting));
    }
}

#[test]
fn what_can_not_be_fitted_is_refused_before_features_are_computed() {
    let place = Place::new(3);
    let (dataset, backbone) = (place.dataset(), backbone());
    let fails = |fitting: Fitting<'_>, kind: ErrorKind, texts: &[&str]| {
        let error = fitting.run(&mut Silent).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        for text in texts {
            assert!(error.to_string().contains(text), "{error}");
        }
        assert!(!place.path("m.features.npy").exists());
    };
    let new = |dataset| fitting(&place, dataset, &backbone, "m.safetensors");
    for share in [0.0, 1.0, f64::NAN] {
        fails(
            new(&dataset).test_share(share),
            ErrorKind::Usage,
            &["test: expected a folder, or a share above 0"],
        );
    }
    fails(
        new(&dataset).test_share(0.7),
        ErrorKind::BadData,
        &["class cats: ", "beside those for the test, found 1"],
    );
    fails(new(&dataset).group_by("("), ErrorKind::Usage, &["group_by: expected a regular expression"]);
    fails(new(&dataset).test_on(&dataset), ErrorKind::Usage, &["test: ", "shares images with"]);

    let one = Dataset { classes: vec!["cats".to_owned()], ..dataset.subset(&[0, 1, 2]) };
    fails(new(&one), ErrorKind::BadData, &["expected at least two classes, found \"cats\""]);
    place.image("one/cats/0.png", 1, 1);
    place.image("one/dogs/0.png", 200, 1);
    copy(&place, "one/dogs/0.png", "one/dogs/copy.png");
    place.image("one/cats/1.png", 2, 1);
    let one = folder(&place, "one");
    fails(new(&one), ErrorKind::BadData, &["class dogs: expected at least 2 different images", "found 1"]);

    place.image("other/Cats/0.png", 1, 1);
    place.image("other/dogs/0.png", 2, 1);
    let other = folder(&place, "other");
    fails(
        new(&dataset).test_on(&other),
        ErrorKind::BadData,
        &["expected the classes of", "did you mean \"cats\"?"],
    );

    fs::write(place.path("m.safetensors"), "another file").unwrap();
    fails(new(&dataset), ErrorKind::Resources, &["m.safetensors: already exists"]);
    assert_eq!(fs::read(place.path("m.safetensors")).unwrap(), b"another file");
}

/// The page says what the model says, of the images that it says.
#[test]
fn a_report_shows_the_figures_of_the_model_that_was_written() {
    let place = Place::new(8);
    // A wrong label: an error, and no head that judges it was trained on it.
    place.image("images/dogs/dark.png", 30, 12);
    fs::write(place.path("images/dogs/broken.png"), "no image").unwrap();
    test_images(&place);
    let (dataset, test, backbone) = (place.dataset(), folder(&place, "test"), backbone());
    let report = |fitted: &Fitted| Report::of_fitting(fitted).unwrap();
    let figures = |report: &Report| {
        let evaluation = report.evaluation.as_ref().unwrap();
        (evaluation.accuracy, evaluation.loss, evaluation.split.clone())
    };

    let fitted = fitting(&place, &dataset, &backbone, "m.safetensors").run(&mut Silent).unwrap();
    let (told, record) = (report(&fitted), &fitted.record.cross_validation);
    assert_eq!(figures(&told), (record.accuracy, record.loss, "cross-validation".to_owned()));
    assert!(told.other_figures.is_empty() && told.epochs.is_empty());
    assert_eq!(told.learning_curve, fitted.record.learning_curve);
    let wrong: Vec<&str> = told.errors.iter().map(|error| error.path.as_str()).collect();
    assert!(wrong.contains(&"dogs/dark.png"), "{wrong:?}");
    for error in &told.errors {
        assert_eq!(error.neighbours.len(), 3);
        assert!(error.neighbours.iter().all(|other| other.path != error.path && other.thumbnail.is_some()));
    }
    let map = told.map.as_ref().unwrap();
    assert_eq!((map.images, map.points.len()), (17, 17));
    assert!(map.points.iter().all(|point| point.thumbnail.is_some()));
    let left_out: Vec<&str> = told.left_out.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(left_out, ["dogs/broken.png"]);
    assert!(told.left_out[0].reason.starts_with("can't be read: "));
    let again = report(&fitted);
    assert_eq!((&again.map, &again.errors), (&told.map, &told.errors), "the same for the same fit");

    let fitted =
        fitting(&place, &dataset, &backbone, "m.safetensors").test_on(&test).run(&mut Silent).unwrap();
    let told = report(&fitted);
    let features = LabelledFeatures::open(place.path("m.test.features.npy")).unwrap();
    let evaluated = Classifier::load(place.path("m.safetensors")).unwrap().evaluate(&features).unwrap();
    assert_eq!(figures(&told), (evaluated.accuracy, evaluated.loss, "test".to_owned()));
    assert_eq!(told.other_figures[0].accuracy, fitted.record.cross_validation.accuracy);

    let fitted =
        fitting(&place, &dataset, &backbone, "m.safetensors").test_share(0.3).run(&mut Silent).unwrap();
    let (told, record) = (report(&fitted), fitted.record.test.as_ref().unwrap());
    assert_eq!(figures(&told).0, record.estimate.accuracy);
    assert_eq!(told.map.as_ref().unwrap().images, record.estimate.images);
}

/// Names of folders and files are text, wherever they are shown.
#[test]
#[cfg(unix)]
fn a_report_of_hostile_names_has_them_as_text_alone() {
    let place = Place::new(0);
    let hostile = ["<img src=x onerror=alert(1)>", "\"><script>alert(1)<!--", "'}]`${1}&lt;"];
    for (label, class) in hostile.into_iter().enumerate() {
        for index in 0..5 {
            // The last image of each looks like the next class.
            let level = if index == 4 { (label + 1) % 3 } else { label } as u8 * 100;
            place.image(&format!("images/{class}/{index}<b onclick=x>.png"), level, index);
        }
    }
    fs::write(place.path("images/<i>.txt"), "beside the classes").unwrap();
    let fitted = fit(&place, "m.safetensors").unwrap();
    let report = Report::of_fitting(&fitted).unwrap();
    assert!(!report.errors.is_empty() && report.left_out.iter().any(|file| file.path == "<i>.txt"));
    let page = report.to_html();
    for markup in ["<img src=x", "<script>alert", "<b onclick", "<i>.txt", "<!--"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;") && page.contains("&amp;lt;"));
    assert_eq!(page.matches("<script>").count(), 1);
}
