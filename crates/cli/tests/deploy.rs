//! The scripts and manifests of `deploy`, run on this machine: what they say is what the binary takes.
#![cfg(all(feature = "efficientnet-lite2", unix))]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use assert_cmd::Command;
use common::{Workplace, root};

/// Two classes of three small images, one of which can't be read, and their features in one run.
fn place() -> Workplace {
    let place = Workplace::new(3);
    place.write("images/b/torn.png", "not an image");
    place.run(&["extract", "images", "-o", "whole.npy", "--backbone", "efficientnet_lite2"]).code(3);
    fs::create_dir(place.path("features")).unwrap();
    place
}

fn merged_is_whole(place: &Workplace) {
    for suffix in ["npy", "jsonl"] {
        let merged = fs::read(place.path(&format!("features/features.{suffix}"))).unwrap();
        assert!(merged == fs::read(place.path(&format!("whole.{suffix}"))).unwrap(), "{suffix}");
    }
}

#[test]
fn the_array_of_slurm_makes_what_one_run_makes() {
    let place = place();
    let script = |name: &str| {
        let binary = assert_cmd::cargo::cargo_bin!("headstart").parent().unwrap();
        let path = std::env::join_paths(
            [binary.to_path_buf()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut command = Command::new("bash");
        command.arg(root().join("deploy/slurm").join(name)).env("PATH", path.unwrap());
        command.env("IMAGES", place.path("images")).env("FEATURES", place.path("features"));
        command
    };
    for task in ["0", "1"] {
        let mut command = script("extract.sbatch");
        command.env("SLURM_ARRAY_TASK_ID", task).env("SLURM_ARRAY_TASK_MIN", "0");
        command.env("SLURM_ARRAY_TASK_COUNT", "2").env("SLURM_CPUS_PER_TASK", "2").assert().code(0);
    }
    script("merge.sbatch").assert().code(0);
    merged_is_whole(&place);
}

/// The container's arguments in a manifest: the lines of `args`, a dash before each.
fn arguments(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("deploy/kubernetes").join(name)).unwrap();
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "args:").skip(1);
    lines.map_while(|line| line.strip_prefix("- ")).map(str::to_owned).collect()
}

#[test]
fn the_jobs_of_kubernetes_make_what_one_run_makes() {
    let place = place();
    let run = |name: &str, index: &str| {
        let folder = place.path("");
        let here = |argument: &String| {
            let argument = argument.replace("$(JOB_COMPLETION_INDEX)", index).replace("auto/100", "auto/2");
            // Volumes are mounted at the root there.
            ["/images", "/features"].into_iter().fold(argument, |argument, volume| {
                let at = folder.join(&volume[1..]);
                match argument.split_once('=') {
                    Some((flag, path)) if path.starts_with(volume) => {
                        format!("{flag}={}", path.replacen(volume, at.to_str().unwrap(), 1))
                    }
                    None if argument.starts_with(volume) => {
                        argument.replacen(volume, at.to_str().unwrap(), 1)
                    }
                    _ => argument,
                }
            })
        };
        let arguments: Vec<String> = arguments(name).iter().map(here).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        place.command(&arguments).env("JOB_COMPLETION_INDEX", index).assert().code(0);
    };
    run("extract.yaml", "0");
    run("extract.yaml", "1");
    run("merge.yaml", "");
    run("merge.yaml", "");
    merged_is_whole(&place);
}

#[test]
fn the_number_of_shards_is_the_number_of_completions() {
    let text = fs::read_to_string(root().join("deploy/kubernetes/extract.yaml")).unwrap();
    let completions = text.lines().find_map(|line| line.trim().strip_prefix("completions: ")).unwrap();
    assert!(arguments("extract.yaml").contains(&format!("--shard=auto/{completions}")), "{completions}");
}
