//! Scanning folders.

use std::fs;
use std::path::Path;

use headstart_dataset::{
    Dataset, Error, ErrorKind, LeftOut, Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, list, scan,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::golden::{Golden, cases};

fn folder_of<'a>(files: impl IntoIterator<Item = &'a str>) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    root
}

fn scanned(root: &Path) -> Dataset {
    Dataset::folder(root).unwrap()
}

fn failure(root: &Path) -> Error {
    Dataset::folder(root).unwrap_err()
}

fn samples(dataset: &Dataset) -> Vec<(&str, u32)> {
    dataset.samples.iter().map(|sample| (sample.path.as_str(), sample.label)).collect()
}

#[test]
fn samples_and_classes_are_in_the_order_of_keras() {
    let index = Golden::of("scan").index();
    let root = folder_of(cases(&index["files"]).iter().map(|file| file.as_str().unwrap()));
    let dataset = scanned(root.path());

    let classes: Vec<&str> = cases(&index["classes"]).iter().map(|class| class.as_str().unwrap()).collect();
    assert_eq!(dataset.classes, classes);
    let expected: Vec<(&str, u32)> = cases(&index["samples"])
        .iter()
        .map(|sample| (sample[0].as_str().unwrap(), sample[1].as_u64().unwrap() as u32))
        .collect();
    // Keras does not take GIF, which is the only difference.
    let mut dataset = dataset;
    let all = dataset.samples.len();
    dataset.samples.retain(|sample| !sample.path.ends_with(".gif"));
    assert_eq!(dataset.samples.len() + 1, all);
    assert_eq!(samples(&dataset), expected);
    assert_eq!(dataset.labels(), expected.iter().map(|sample| sample.1).collect::<Vec<_>>());
}

#[test]
fn what_is_not_taken_is_listed() {
    let root = folder_of([
        "a/1.png",
        "b/2.webp",
        "b/.3.png",
        "b/.git/4.png",
        ".cache/5.png",
        "b/Thumbs.db",
        "b/sub/notes.txt",
        "b/notpng",
        "6.png",
        ".DS_Store",
    ]);
    let dataset = scanned(root.path());
    assert_eq!(samples(&dataset), [("a/1.png", 0), ("b/2.webp", 1)]);
    let expected = LeftOut {
        hidden: [".DS_Store", ".cache", "b/.3.png", "b/.git"].map(String::from).to_vec(),
        unknown_extension: ["b/Thumbs.db", "b/notpng", "b/sub/notes.txt"].map(String::from).to_vec(),
        loose_files: vec!["6.png".to_owned()],
        ..LeftOut::default()
    };
    assert_eq!(dataset.left_out, expected);
    assert_eq!(dataset.left_out.count(), 8);
}

#[test]
fn folders_of_systems_are_neither_classes_nor_images() {
    let root = folder_of([
        "a/1.png",
        "b/2.png",
        "a/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
        "@eaDir/1.jpg",
        "#recycle/2.jpg",
        "$Recycle.Bin/3.jpg",
        "System Volume Information/4.jpg",
        "lost+found/5.jpg",
        "__MACOSX/a/6.jpg",
        ".ipynb_checkpoints/7.jpg",
    ]);
    let dataset = scanned(root.path());
    assert_eq!(dataset.classes, ["a", "b"]);
    assert_eq!(samples(&dataset), [("a/1.png", 0), ("b/2.png", 1)]);
    let system = [
        "#recycle",
        "$Recycle.Bin",
        "@eaDir",
        "System Volume Information",
        "__MACOSX",
        "a/@eaDir",
        "lost+found",
    ];
    assert_eq!(dataset.left_out.system_folders, system);
    assert_eq!(dataset.left_out.hidden, [".ipynb_checkpoints"]);
    let listed = list(root.path(), &ScanOptions::default()).unwrap();
    assert_eq!(listed.samples.len(), 2);
    // A file of such a name is a file.
    let root = folder_of(["a/lost+found.png", "b/2.png", "b/__MACOSX"]);
    assert_eq!(scanned(root.path()).left_out.unknown_extension, ["b/__MACOSX"]);
}

#[test]
fn photographs_that_are_not_read_are_counted_where_there_is_nothing_else() {
    let root = folder_of(["a/1.HEIC", "b/2.heic", "b/3.avif", "b/notes.txt"]);
    let error = failure(root.path());
    assert!(error.to_string().contains("1 in AVIF, 2 in HEIC: convert them to JPEG"), "{error}");
}

#[test]
fn a_class_without_images_keeps_its_label() {
    let root = folder_of(["a/1.png", "b/readme.txt", "c/2.png", "c/3.png"]);
    let dataset = scanned(root.path());
    assert_eq!(dataset.classes, ["a", "b", "c"]);
    assert_eq!(dataset.class_counts(), [1, 0, 2]);
    assert_eq!(dataset.labels(), [0, 2, 2]);
}

#[test]
fn a_missing_root_is_told_by_name() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("train");
    assert!(matches!(failure(&missing), Error::Root { .. }));
    assert!(failure(&missing).to_string().contains("train"));
    assert_eq!(failure(&missing).kind(), ErrorKind::Missing);
    assert!(std::error::Error::source(&failure(&missing)).is_none(), "its message states the cause");
}

#[test]
fn a_file_is_no_data_folder() {
    let root = folder_of(["file"]);
    let error = failure(&root.path().join("file"));
    assert!(matches!(error, Error::NotAFolder { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::BadData);
}

#[test]
fn an_empty_folder_has_no_classes() {
    let root = folder_of(["1.png", "2.png"]);
    assert!(matches!(failure(root.path()), Error::NoClasses { loose_files: 2, .. }));
}

#[test]
fn one_class_is_refused_by_name() {
    let root = folder_of(["cats/1.png", ".hidden/2.png"]);
    assert!(matches!(failure(root.path()), Error::OneClass { class, .. } if class == "cats"));
}

#[test]
fn classes_without_any_image_are_refused() {
    let root = folder_of(["cats/1.txt", "dogs/.2.png"]);
    assert!(matches!(failure(root.path()), Error::NoImages { classes: 2, left_out: 2, .. }));
}

#[cfg(unix)]
mod on_unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn links_are_listed_and_followed_only_when_asked() {
        let elsewhere = folder_of(["x/9.png"]);
        let root = folder_of(["a/1.png", "b/2.png"]);
        symlink(elsewhere.path().join("x"), root.path().join("c")).unwrap();
        symlink(elsewhere.path().join("x"), root.path().join("a/sub")).unwrap();
        symlink(elsewhere.path().join("x/9.png"), root.path().join("b/0.png")).unwrap();
        symlink("nowhere", root.path().join("b/3.png")).unwrap();
        symlink("nowhere", root.path().join("b/.4.png")).unwrap();

        let dataset = scanned(root.path());
        assert_eq!(samples(&dataset), [("a/1.png", 0), ("b/2.png", 1)]);
        assert_eq!(dataset.left_out.links, ["a/sub", "b/0.png", "b/3.png", "c"]);
        assert_eq!(dataset.left_out.hidden, ["b/.4.png"]);

        let dataset = scan(root.path(), &ScanOptions::default().with_follow_links(true)).unwrap();
        let expected = [("a/1.png", 0), ("a/sub/9.png", 0), ("b/0.png", 1), ("b/2.png", 1), ("c/9.png", 2)];
        assert_eq!(samples(&dataset), expected);
        assert_eq!(dataset.left_out.links, ["b/3.png"]);
        assert_eq!(dataset.left_out.hidden, ["b/.4.png"]);
    }

    #[test]
    fn the_root_itself_may_be_a_link() {
        let root = folder_of(["data/a/1.png", "data/b/2.png"]);
        symlink(root.path().join("data"), root.path().join("link")).unwrap();
        assert_eq!(samples(&scanned(&root.path().join("link"))), [("a/1.png", 0), ("b/2.png", 1)]);
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let root = folder_of(["a/1.png", "b/2.png"]);
        symlink(root.path(), root.path().join("b/up")).unwrap();
        let error = scan(root.path(), &ScanOptions::default().with_follow_links(true)).unwrap_err();
        assert!(matches!(&error, Error::LinkLoop { path, .. } if path.ends_with("b/up")), "{error}");
        assert_eq!(scanned(root.path()).left_out.links, ["b/up"]);
    }

    #[test]
    fn what_is_hidden_never_ends_the_scan() {
        let root = folder_of(["a/1.png", "b/2.png"]);
        symlink(root.path(), root.path().join("b/.up")).unwrap();
        symlink(".self", root.path().join("b/.self")).unwrap();
        symlink("self.png", root.path().join("b/self.png")).unwrap();
        // Some file systems refuse such a name themselves.
        let odd = fs::write(root.path().join("b").join(OsStr::from_bytes(b".\xFF.png")), "").is_ok();
        let dataset = scan(root.path(), &ScanOptions::default().with_follow_links(true)).unwrap();
        assert_eq!(samples(&dataset), [("a/1.png", 0), ("b/2.png", 1)]);
        assert_eq!(dataset.left_out.hidden.len(), 2 + usize::from(odd), "{:?}", dataset.left_out.hidden);
        assert_eq!(dataset.left_out.links, ["b/self.png"]);
    }

    #[test]
    fn a_name_that_is_not_utf8_costs_what_has_it_alone() {
        let root = folder_of(["a/1.png", "b/2.png", "b/3.png"]);
        let name = |bytes| OsStr::from_bytes(bytes);
        // Some file systems refuse such a name themselves.
        if fs::write(root.path().join("b").join(name(b"2\xE9.png")), "").is_err() {
            return;
        }
        fs::write(root.path().join("b").join(name(b"\xE9.txt")), "").unwrap();
        fs::write(root.path().join(name(b"\xE9.png")), "").unwrap();
        for (folder, file) in [(&b"a/\xFF\xFE"[..], "4.png"), (b"caf\xE9", "5.png")] {
            let folder = root.path().join(name(folder));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(file), "").unwrap();
        }
        let dataset = scanned(root.path());
        let expected =
            [("a/1.png", 0), ("a/\\xFF\\xFE", 0), ("b/2.png", 1), ("b/2\\xE9.png", 1), ("b/3.png", 1)];
        assert_eq!(samples(&dataset), expected);
        assert_eq!(dataset.unreadable.keys().collect::<Vec<_>>(), ["a/\\xFF\\xFE", "b/2\\xE9.png"]);
        assert!(dataset.unreadable.values().all(|reason| reason.contains("not valid UTF-8; rename it")));
        assert_eq!(dataset.class_counts(), [1, 2]);
        let LeftOut { unreadable, unknown_extension, loose_files, .. } = &dataset.left_out;
        let [(path, reason)] = &unreadable[..] else { panic!("{unreadable:?}") };
        assert!(path == "caf\\xE9" && reason.contains("not valid UTF-8"), "{unreadable:?}");
        assert_eq!(
            (&unknown_extension[..], &loose_files[..]),
            (&["b/\\xE9.txt".to_owned()][..], &["\\xE9.png".to_owned()][..])
        );
        assert_eq!(dataset.left_out.count(), 3);

        let loader =
            Loader::new(dataset, Preprocessing::preset(Preset::Blog, 1, 1), LoaderOptions::default());
        let skipped: Vec<_> = loader.unwrap().flat_map(|batch| batch.skipped).collect();
        assert_eq!((skipped[1].path.as_str(), skipped[1].sample), ("a/\\xFF\\xFE", 1));
        assert!(skipped[1].reason.contains("not valid UTF-8"), "{skipped:?}");

        let listed = list(root.path(), &ScanOptions::default()).unwrap();
        let unreadable: Vec<_> = listed.unreadable.keys().collect();
        assert_eq!(unreadable, [r"\xE9.png", r"a/\xFF\xFE", r"b/2\xE9.png", r"caf\xE9"]);
    }

    #[test]
    fn a_path_that_is_too_long_costs_what_is_in_it_alone() {
        let root = folder_of(["a/1.png", "b/2.png"]);
        let long = vec!["x".repeat(200); 15].join("/");
        let [inner, outer] = ["inner", "outer"]
            .map(|name| tempfile::tempdir_in(root.path()).map(|folder| folder.path().join(name)).unwrap());
        for folder in [&inner, &outer] {
            fs::create_dir_all(folder.join(&long)).unwrap();
        }
        // Each is short enough for the system. One within the other is not.
        fs::rename(inner, outer.join(&long).join("inner")).unwrap();
        fs::rename(&outer, root.path().join("b/deep")).unwrap();
        let dataset = scanned(root.path());
        let [only] = &dataset.unreadable.iter().collect::<Vec<_>>()[..] else {
            panic!("{:?}", dataset.unreadable)
        };
        assert!(only.0.starts_with("b/deep/xxx") && only.1.contains("too long"), "{only:?}");
        assert_eq!(dataset.class_counts(), [1, 1]);
        assert_eq!(dataset.samples.len(), 3);
    }

    #[test]
    fn a_folder_that_may_not_be_listed_costs_itself_alone() {
        let root = folder_of(["a/1.png", "b/2.png", "b/sub/3.png", "c/4.png"]);
        let closed = ["b/sub", "c"].map(|folder| root.path().join(folder));
        let allow = |mode| {
            closed
                .iter()
                .for_each(|folder| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap())
        };
        allow(0o000);
        // Root lists everything.
        if fs::read_dir(&closed[0]).is_err() {
            let dataset = scanned(root.path());
            assert_eq!(samples(&dataset), [("a/1.png", 0), ("b/2.png", 1), ("b/sub", 1), ("c", 2)]);
            assert_eq!(dataset.class_counts(), [1, 1, 0]);
            assert!(dataset.unreadable.values().all(|reason| reason.starts_with("can't list the folder")));
        }
        allow(0o755);
    }

    #[test]
    fn links_in_the_place_of_classes_are_named_by_the_error() {
        let elsewhere = folder_of(["x/9.png"]);
        let root = folder_of(["a/1.png"]);
        symlink(elsewhere.path().join("x"), root.path().join("b")).unwrap();
        let error = failure(root.path());
        assert_eq!(error.links(), ["b"]);
        assert!(error.to_string().ends_with("; the link b was not followed"), "{error}");
    }

    #[test]
    fn sockets_are_not_opened_but_listed() {
        let root = folder_of(["a/1.png", "b/2.png"]);
        let _socket = UnixListener::bind(root.path().join("b/s.png")).unwrap();
        let dataset = scanned(root.path());
        assert_eq!(samples(&dataset), [("a/1.png", 0), ("b/2.png", 1)]);
        assert_eq!(dataset.left_out.special_files, ["b/s.png"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The order in words: by class, then by folder path, then by file name; whatever order files were made in.
    #[test]
    fn order_depends_on_names_alone(
        files in prop::collection::hash_set("[ab]/([-a/]{0,3}/)?[-aA.é]{0,2}x\\.(png|JPG)", 1..20)
    ) {
        let normal: std::collections::BTreeSet<String> = files
            .iter()
            .map(|file| file.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
            .filter(|file| file.split('/').all(|part| !part.starts_with('.')))
            .collect();
        let mut expected: Vec<(&str, &str, &str)> = normal
            .iter()
            .map(|file| {
                let (folder, name) = file.rsplit_once('/').unwrap();
                (folder.split('/').next().unwrap(), folder, name)
            })
            .collect();
        expected.sort_unstable();
        let expected: Vec<String> = expected.iter().map(|(_, folder, name)| format!("{folder}/{name}")).collect();

        let root = folder_of(normal.iter().map(String::as_str).chain(["a/z.txt", "b/z.txt"]));
        match scan(root.path(), &ScanOptions::default()) {
            Ok(dataset) => {
                let found: Vec<String> = dataset.samples.iter().map(|sample| sample.path.clone()).collect();
                prop_assert_eq!(found, expected);
            }
            Err(error) => prop_assert!(expected.is_empty(), "{}", error),
        }
    }
}

#[test]
fn a_list_has_what_a_scan_takes_in_its_order_after_the_loose_images() {
    let root = folder_of([
        "z.png",
        "notes.txt",
        "a/x/2.png",
        "a-1/1.png",
        "a/1.png",
        "a/notes.txt",
        "a/.hidden.png",
        "A/3.webp",
        ".cache/1.png",
    ]);
    let listed = list(root.path(), &ScanOptions::default()).unwrap();
    let paths: Vec<&str> = listed.samples.iter().map(|sample| sample.path.as_str()).collect();
    assert_eq!(paths, ["z.png", "A/3.webp", "a/1.png", "a/x/2.png", "a-1/1.png"]);
    let scanned = scanned(root.path());
    assert!(scanned.samples.iter().map(|sample| sample.path.as_str()).eq(paths[1..].iter().copied()));
    assert_eq!(listed.left_out.hidden, scanned.left_out.hidden);
    assert_eq!(listed.left_out.unknown_extension, ["a/notes.txt", "notes.txt"]);

    let empty = tempfile::tempdir().unwrap();
    assert!(list(empty.path(), &ScanOptions::default()).unwrap().samples.is_empty());
    let missing = list(&empty.path().join("no"), &ScanOptions::default());
    assert!(matches!(missing, Err(Error::Root { .. })), "{missing:?}");
}
