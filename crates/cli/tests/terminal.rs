//! What goes to standard error, and how much of it.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{Workplace, fails};

fn trained(more: &[&str]) -> (String, String) {
    let place = Workplace::new(3);
    place.extract("images", "f.npy", &[]).code(0);
    let fixed = ["train", "--train", "f.npy", "-o", "m.h5", "--epochs", "3", "--units", "0"];
    let assert = place.run(&[&fixed[..], more].concat()).code(0);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

#[test]
fn epochs_are_told_where_somebody_looks_or_asks() {
    assert_eq!(trained(&[]).1, "");
    let told = trained(&["--verbose"]).1;
    assert_eq!(told.lines().filter(|line| line.starts_with("epoch ")).count(), 3, "{told}");
    assert!(trained(&[]).0.contains("written   epoch   3/3"));
}

#[test]
fn quiet_leaves_results_and_errors() {
    let place = Workplace::new(2);
    place.write("images/a/torn.png", "no image");
    let loud = place.extract("images", "f.npy", &["--json"]).code(3);
    assert!(String::from_utf8_lossy(&loud.get_output().stderr).contains("skipped a/torn.png"));
    let quiet = place.extract("images", "g.npy", &["--json", "-q"]).code(3);
    assert!(quiet.get_output().stderr.is_empty(), "{quiet:?}");
    assert!(!quiet.get_output().stdout.is_empty());
    place.write("headstart.toml", "threads = 2");
    let settings = place.run(&["inspect", "f.npy", "-q"]).code(0);
    assert!(settings.get_output().stderr.is_empty(), "{settings:?}");
    fails(place.run(&["inspect", "f.npy"]), 0, &["settings from headstart.toml"]);
    fails(place.extract("absent", "h.npy", &["--quiet"]), 1, &["headstart: absent"]);
    fails(place.extract("images", "h.npy", &["-q", "-v"]), 2, &["--quiet", "--verbose"]);
}

#[test]
fn flags_of_every_command_have_a_heading_of_their_own() {
    let place = Workplace::empty();
    for command in ["extract", "train", "predict", "inspect"] {
        let help = place.run(&[command, "--help"]).code(0);
        let help = String::from_utf8(help.get_output().stdout.clone()).unwrap();
        let (own, global) = help.split_once("Options of every command:").unwrap();
        for flag in ["--threads", "--device", "--json", "--config", "--show-settings", "--quiet", "--verbose"]
        {
            assert!(global.contains(flag) && !own.contains(&format!("{flag} ")), "{command} {flag}: {help}");
        }
    }
    let plain = place.command(&["extract"]).env("NO_COLOR", "1").assert().code(2);
    assert!(!plain.get_output().stderr.contains(&0x1b));
}

#[test]
fn an_epoch_that_was_chosen_is_told_by_train_and_evaluate() {
    let place = Workplace::new(4);
    place.extract("images", "f.npy", &[]).code(0);
    for index in 0..3 {
        place.image(&format!("others/a/{index}.png"), 40, 9 + index);
        place.image(&format!("others/b/{index}.png"), 200, 9 + index);
    }
    place.extract("others", "v.npy", &[]).code(0);
    let train = |more: &[&str]| {
        let fixed = ["train", "--train", "f.npy", "--validation", "v.npy", "--epochs", "5", "--fresh", "-o"];
        let assert = place.run(&[&fixed[..], more].concat()).code(0);
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let evaluate = |model: &str, features: &str| {
        let assert = place.run(&["evaluate", model, features]).code(0);
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    for model in ["m.safetensors", "m.h5"] {
        let last = train(&[model]);
        assert!(last.contains("written   epoch   5/5") && !last.contains("chosen    "), "{last}");
        assert!(!evaluate(model, "v.npy").contains("epoch chosen"));
        let best = train(&[model, "--keep-best", "--monitor", "val_accuracy", "--run", "run"]);
        assert!(best.contains("chosen    by val_accuracy on v.npy, so the figures"), "{best}");
        let told = evaluate(model, "v.npy");
        assert!(told.contains("epoch chosen          by val_accuracy on these rows"), "{told}");
        assert!(!evaluate(model, "f.npy").contains("epoch chosen"));
        place.run(&["report", "run", "-o", "page.html", "--fresh"]).code(0);
        let page = std::fs::read_to_string(place.path("page.html")).unwrap();
        assert!(page.contains("The epoch was chosen because it has the"), "{model}");
    }
}
