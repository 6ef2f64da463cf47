//! What the page is made of, and that nothing that it is given becomes markup.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::render;
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
        epoch_chosen_by: Some(text()),
        evaluation: Some(ReportEvaluation {
            split: text(),
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
        near_duplicates: vec![Pair { a: member(thumbnail()), b: member(None), distance: 0.01 }],
        timings: vec![Timing { stage: text(), seconds: 3.0 }],
    }
}

/// Each element with its attributes, in order.
type Elements = Vec<(String, Vec<(String, String)>)>;

/// The page's elements with their attributes, in order, and its text. A page that is no XML fails, but for the doctype,
/// the style sheet, and elements that HTML closes by itself.
fn parse(page: &str) -> (Elements, String) {
    let (start, rest) = page.split_once("<style>").unwrap();
    let (_, end) = rest.split_once("</style>").unwrap();
    let markup = format!("{start}{end}");
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
                if !["meta", "img"].contains(&name.as_str()) {
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
    assert_eq!(counts, [1, 1, 1, 1, 1, 8, 8]);
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
    assert_eq!(plots.count(), 4);
    for tables in ["Epochs as a table", "Confusion matrix as a table", "Calibration as a table"] {
        assert!(page.contains(tables), "{tables}");
    }
}

#[test]
fn images_have_a_size_and_an_alternative_and_are_at_most_24() {
    let page = render(&full("cats", 600));
    let (elements, text) = parse(&page);
    let images: Vec<_> = elements.iter().filter(|(element, _)| element == "img").collect();
    assert_eq!(images.len(), WITH_IMAGE + 1, "24 errors and one of a pair");
    for (_, attributes) in images {
        let names: Vec<&str> = attributes.iter().map(|(name, _)| name.as_str()).collect();
        assert!(["src", "width", "height", "alt"].iter().all(|name| names.contains(name)), "{names:?}");
    }
    assert!(text.contains("576 more") && text.contains("76 more are left out here"));
    assert!(text.contains("no image"));
}

#[test]
fn the_page_asks_for_nothing_from_anywhere() {
    let (elements, _) = parse(&render(&full("cats", 2)));
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

#[test]
fn many_classes_are_told_by_their_largest_confusions() {
    let mut data = full("cats", 0);
    let evaluation = data.evaluation.as_mut().unwrap();
    evaluation.confusion =
        (0..300).map(|row| (0..300).map(|column| u64::from(row + 1 == column)).collect()).collect();
    let page = render(&data);
    assert!(page.contains("Largest confusions") && !page.contains("confusion-plot"));
    assert!(page.len() < 100_000, "{} bytes", page.len());
}

#[test]
fn values_that_are_no_numbers_leave_a_page_that_is_whole() {
    for bad in [f64::NAN, f64::INFINITY, -1e300] {
        let mut data = full("cats", 1);
        data.epochs.iter_mut().for_each(|epoch| (epoch.loss, epoch.val_accuracy) = (bad, Some(bad)));
        data.errors[0].probability = bad;
        data.errors[0].truth = 99;
        let page = render(&data);
        parse(&page);
        assert!(!page.contains("NaN") && !page.contains("\"inf"), "{bad}");
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
