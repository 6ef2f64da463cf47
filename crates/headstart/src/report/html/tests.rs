//! What the page is made of, and that nothing that it is given becomes markup.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use sha2::{Digest, Sha256};

use super::render;
use crate::evaluation::{Interval, LearningPoint};
use crate::report::data::*;

/// A report with everything in it, where every text is `text`.
fn full(text: &str, errors: usize) -> Report {
    let text = || text.to_owned();
    let thumbnail = || Some(Thumbnail { jpeg: vec![0xff, 0xd8], width: 160, height: 120 });
    let member = |thumbnail| Member { split: text(), path: text(), class: 0, thumbnail };
    let metrics = || ClassMetrics { precision: None, recall: Some(0.5), f1: Some(f64::NAN), support: 4 };
    let epoch = |epoch| Epoch {
        epoch,
        loss: 1.0 / epoch as f64,
        accuracy: 0.5,
        val_loss: Some(0.7),
        val_accuracy: Some(0.6),
    };
    let interval = || Some(Interval { low: 0.4, high: 0.8 });
    let point = |rows: f64| LearningPoint {
        share: rows / 40.0,
        training_rows: rows,
        accuracy: 0.5,
        accuracy_interval: interval(),
        loss: 0.5,
        loss_interval: interval(),
    };
    let on_map = |index: usize| MapPoint {
        path: text(),
        class: index % 2,
        predicted: index % 3 % 2,
        x: index as f64,
        y: -0.5 * index as f64,
        thumbnail: thumbnail(),
    };
    let bin = |bin: u32, count| ReliabilityBin {
        lower: f64::from(bin) / 4.0,
        upper: f64::from(bin + 1) / 4.0,
        count,
        confidence: 0.8,
        accuracy: 0.6,
    };
    Report {
        title: text(),
        classes: vec![text(), text()],
        settings: vec![Setting { name: text(), value: text() }],
        epochs: (1..=9).map(epoch).collect(),
        kept_epoch: Some(7),
        caution: Some(text()),
        other_figures: vec![OtherFigure {
            what: text(),
            images: 9,
            accuracy: 0.5,
            accuracy_interval: None,
            loss: 0.1,
        }],
        learning_curve: vec![point(20.0), point(40.0)],
        map: Some(EmbeddingMap {
            split: text(),
            images: 20,
            shares: [0.4, 0.2],
            points: (0..9).map(on_map).collect(),
        }),
        left_out: vec![LeftOutFile { split: text(), path: text(), reason: text() }],
        advice: vec![text()],
        evaluation: Some(ReportEvaluation {
            split: text(),
            measured_on: text(),
            confusion: vec![vec![3, 1], vec![2, 4]],
            per_class: vec![metrics(), metrics()],
            accuracy: 0.7,
            accuracy_interval: Some([0.4, 0.9]),
            loss: 0.5,
            auc: Some(0.9),
            expected_calibration_error: Some(0.1),
            reliability: vec![bin(0, 0), bin(1, 0), bin(2, 4), bin(3, 6)],
        }),
        errors: (0..errors)
            .map(|_| Misclassified {
                path: text(),
                truth: 0,
                predicted: 1,
                probability: 0.9,
                neighbours: vec![Neighbour { path: text(), class: 0, distance: 0.2, thumbnail: thumbnail() }],
                thumbnail: thumbnail(),
            })
            .collect(),
        label_issues: vec![LabelSuspicion {
            path: text(),
            split: text(),
            given: 0,
            suggested: 1,
            probability: 0.1,
            thumbnail: None,
        }],
        duplicates_sought: true,
        near_duplicates: vec![Pair { a: member(thumbnail()), b: member(None), distance: 0.01 }],
        timings: vec![Timing { stage: text(), seconds: 3.0 }],
    }
}

/// Each element with its attributes, in order.
type Elements = Vec<(String, Vec<(String, String)>)>;

/// A page without its style sheet and its script.
fn without_code(page: &str) -> String {
    let (start, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (middle, rest) = rest.split_once("<script>").unwrap();
    let (script, end) = rest.split_once("</script>").unwrap();
    assert_eq!(script, super::SCRIPT);
    format!("{start}{middle}{end}")
}

/// The page's elements with their attributes, in order, and its text. A page that is no XML fails, but for the doctype,
/// the style sheet, the script, and elements that HTML closes by itself.
fn parse(page: &str) -> (Elements, String) {
    let markup = without_code(page);
    let mut reader = Reader::from_str(&markup);
    reader.config_mut().check_end_names = false;
    let (mut elements, mut text, mut open) = (Vec::new(), String::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
                let attribute = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
                    let attribute = attribute.unwrap();
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    (key, attribute.unescape_value().unwrap().into_owned())
                };
                elements.push((name.clone(), start.attributes().map(attribute).collect()));
                if !["meta", "img", "input"].contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Event::End(end) => assert_eq!(open.pop().unwrap().as_bytes(), end.name().as_ref()),
            Event::Text(part) => text += &part.decode().unwrap(),
            Event::GeneralRef(part) => {
                let name = part.decode().unwrap().into_owned();
                text += quick_xml::escape::resolve_predefined_entity(&name).unwrap();
            }
            Event::DocType(_) => {}
            Event::Eof => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    (elements, text)
}

/// Elements in order with their attributes' names.
fn skeleton(page: &str) -> Vec<(String, Vec<String>)> {
    let names = |attributes: Vec<(String, String)>| attributes.into_iter().map(|(name, _)| name).collect();
    parse(page).0.into_iter().map(|(element, attributes)| (element, names(attributes))).collect()
}

#[test]
fn the_page_has_one_heading_landmarks_and_a_heading_for_each_section() {
    let page = render(&full("cats", 2));
    let (elements, _) = parse(&page);
    let count = |name: &str| elements.iter().filter(|(element, _)| element == name).count();
    let counts = ["h1", "header", "nav", "main", "footer", "section", "h2"].map(count);
    assert_eq!(counts, [1, 1, 1, 1, 1, 12, 12]);
    let levels = elements.iter().filter_map(|(name, _)| name.strip_prefix('h')?.parse::<u32>().ok());
    let levels: Vec<u32> = levels.collect();
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn ids_are_unique_and_links_and_labels_lead_to_one() {
    let (elements, _) = parse(&render(&full("cats", 2)));
    let of = |key: &'static str| {
        let attributes = elements.iter().flat_map(|(_, attributes)| attributes);
        attributes.filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    };
    let mut ids: Vec<&str> = of("id").collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    let links = of("href").map(|href| href.strip_prefix('#').unwrap());
    let labels = of("aria-labelledby").flat_map(str::split_whitespace);
    let targets: Vec<&str> = links.chain(labels).collect();
    assert!(targets.len() > 20);
    assert!(targets.iter().all(|target| ids.contains(target)), "{targets:?}");
}

#[test]
fn every_plot_has_a_title_a_description_and_a_table() {
    let page = render(&full("cats", 2));
    let (elements, _) = parse(&page);
    let plots =
        elements.iter().filter(|(_, attributes)| attributes.contains(&("role".to_owned(), "img".to_owned())));
    assert_eq!(plots.count(), 6);
    for tables in ["Epochs as a table", "Images to learn from as a table", "Calibration as a table"] {
        assert!(page.contains(tables), "{tables}");
    }
}

#[test]
fn images_have_a_size_and_an_alternative_and_are_at_most_24() {
    let page = render(&full("cats", 600));
    let (elements, text) = parse(&page);
    let images: Vec<_> = elements.iter().filter(|(element, _)| element == "img").collect();
    assert_eq!(images.len(), 2 * WITH_IMAGE + 1, "24 errors with a neighbour each, and one of a pair");
    for (_, attributes) in images {
        let names: Vec<&str> = attributes.iter().map(|(name, _)| name.as_str()).collect();
        assert!(["src", "width", "height", "alt"].iter().all(|name| names.contains(name)), "{names:?}");
    }
    assert!(text.contains("576 more") && text.contains("76 more are left out here"));
    assert!(text.contains("no image"));
}

#[test]
fn the_page_asks_for_nothing_from_anywhere() {
    let page = render(&full("cats", 2));
    let (elements, _) = parse(&page);
    // The page's own script, and no other, may run.
    let hash = STANDARD.encode(Sha256::digest(super::SCRIPT));
    let policy = elements
        .iter()
        .flat_map(|(_, attributes)| attributes)
        .find(|(_, value)| value.starts_with("default"));
    let policy = &policy.unwrap().1;
    assert!(policy.contains(&format!("default-src 'none'; script-src 'sha256-{hash}';")), "{policy}");
    for word in ["fetch(", "XMLHttpRequest", "import", "innerHTML", "eval(", "http"] {
        assert!(!super::SCRIPT.contains(word), "{word}");
    }
    for (element, attributes) in &elements {
        assert!(!["script", "link", "iframe", "object", "base", "form"].contains(&element.as_str()));
        for (name, value) in attributes {
            assert!(!name.starts_with("on") && name != "style", "{element} {name}");
            assert!(!["src", "href"].contains(&name.as_str()) || value.starts_with(['#', 'd']), "{value}");
        }
    }
    assert!(!super::STYLE.contains("url(") && !super::STYLE.contains("@import"));
}

#[test]
fn an_empty_report_is_a_page_too() {
    let (elements, text) = parse(&render(&Report::default()));
    assert_eq!(elements.iter().filter(|(element, _)| element == "section").count(), 8);
    assert!(text.contains("Nothing was evaluated."));
}

/// A report of so many classes, each of which is taken for the next once.
fn of_classes(count: usize) -> Report {
    let mut data = full("cats", 0);
    data.classes = (0..count).map(|class| format!("class {class}")).collect();
    let metrics = |class: usize| ClassMetrics {
        precision: None,
        recall: Some(class as f64 / 1e3),
        f1: None,
        support: 4,
    };
    let evaluation = data.evaluation.as_mut().unwrap();
    evaluation.per_class = (0..count).rev().map(metrics).collect();
    evaluation.confusion =
        (0..count).map(|row| (0..count).map(|column| u64::from(row + 1 == column)).collect()).collect();
    data
}

#[test]
fn many_classes_are_ordered_by_confusion_and_listed_by_pairs() {
    for (count, matrix) in [(2, true), (24, true), (120, true), (300, false)] {
        let page = render(&of_classes(count));
        let (elements, text) = parse(&page);
        let of_class = |name: &str| {
            let class = |(_, attributes): &(String, Vec<(String, String)>)| {
                attributes
                    .iter()
                    .any(|(key, value)| key == "class" && value.split(' ').any(|class| class == name))
            };
            elements.iter().filter(|element| class(element)).count()
        };
        assert_eq!(of_class("matrix"), usize::from(matrix), "{count} classes");
        assert_eq!(of_class("wrong"), if matrix { count - 1 } else { 0 });
        assert_eq!(text.contains("Most confused pairs"), count > 2);
        assert_eq!(text.contains("pairs with as many images or fewer are left out here"), count > 21);
        assert!(page.len() < 400_000, "{} bytes", page.len());
        // Of many, those come first that are found least.
        let place = |class: usize| page.find(&format!("<th scope=\"row\"><bdi>class {class}</bdi>")).unwrap();
        assert_eq!(place(count - 1) < place(0), count > 12, "{count} classes");
    }
}

#[test]
fn a_bad_epoch_is_marked_above_the_plot() {
    let mut data = full("cats", 0);
    assert!(!parse(&render(&data)).1.contains("not to scale"));
    data.epochs[4].val_loss = Some(1e6);
    let (_, text) = parse(&render(&data));
    assert!(text.contains("not to scale"), "{text}");
}

#[test]
fn a_page_is_known_by_its_beginning() {
    assert!(Report::is_page(render(&full("cats", 0)).as_bytes()));
    assert!(!Report::is_page(b"<!DOCTYPE html><html><title>mine</title></html>"));
}

#[test]
fn values_that_are_no_numbers_leave_a_page_that_is_whole() {
    for bad in [f64::NAN, f64::INFINITY, -1e300] {
        let mut data = full("cats", 1);
        data.epochs.iter_mut().for_each(|epoch| (epoch.loss, epoch.val_accuracy) = (bad, Some(bad)));
        data.errors[0].probability = bad;
        data.errors[0].truth = 99;
        data.map.as_mut().unwrap().points[0].x = bad;
        data.learning_curve[0].loss = bad;
        let page = render(&data);
        parse(&page);
        let markup = without_code(&page);
        assert!(!markup.contains("NaN") && !markup.contains("\"inf"), "{bad}");
    }
}

#[test]
fn a_name_that_is_markup_is_shown_as_it_is_written() {
    let name = "</title></style><script>alert('1')</script>\" onload=\"x & <img src=x>";
    let page = render(&full(name, 2));
    assert_eq!(skeleton(&page), skeleton(&render(&full("cats", 2))));
    assert!(parse(&page).1.contains(name));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_changes_the_elements_or_their_attributes(text in "([<>&\"'/= a-z!-]|\\PC|\\u{0}|\n|\u{202e}){0,40}") {
        prop_assert_eq!(skeleton(&render(&full(&text, 2))), skeleton(&render(&full("cats", 2))));
    }
}
