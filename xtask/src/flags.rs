//! What `cargo xtask` takes, as types.

use std::path::PathBuf;

xflags::xflags! {
    /// The workspace's own commands.
    cmd xtask {
        /// The main job: extract features of two folders, train a head on them, make its report, evaluate it and predict
        /// with it. Without flags it uses the shipped images and weights and the constants of the script.
        cmd pipeline {
            /// Folder of training images, one sub-folder per class. Default: data/train.
            optional --train-dir dir: PathBuf
            /// Folder of validation images with the same classes. Default: data/validation.
            optional --validation-dir dir: PathBuf
            /// Pretrained weights. Default: data/weights/vgg16_weights.h5.
            optional --weights file: PathBuf
            /// Folder for the results, created if it is missing. Default: runs/pipeline.
            optional --out dir: PathBuf
            /// The network, as headstart extract names it. Default: vgg16.
            optional --backbone name: String
            /// The preset, as headstart extract names it. Default: blog.
            optional --preset name: String
            /// Height x width of the network's input. Default: 150x150.
            optional --size size: String
            /// Images and rows per batch. Default: 32.
            optional --batch-size n: usize
            /// Passes over the training features. Default: 50.
            optional --epochs n: usize
            /// Seed of the head. Default: 0.
            optional --seed n: u64
            /// Replace the results of an earlier run in --out. Those in the default folder are always replaced.
            optional --fresh
            /// Threads. Default: one per core.
            optional --threads n: usize
        }

        /// Measures headstart beside candle and the rivals that are installed, prints one table and archives it with a
        /// description of the machine. benches/README.md says how to install the rivals.
        cmd bench {
            /// Fewer shapes and rounds.
            optional --quick
            /// Errors instead of times, over all shipped images at 150 x 150, in total and of the worst channel. Needs PyTorch.
            optional --accuracy
            /// The Python that has the rivals. Default: python3.
            optional --python file: PathBuf
            /// Names of contestants, separated by commas. Default: all. headstart always takes part.
            optional --only names: String
            /// Numbers of threads, separated by commas. Default: 1,2.
            optional --threads list: String
            /// Which rows: vgg16 or networks. Default: both.
            optional --rows which: String
            /// Networks whose layers are timed beside VGG16's, separated by commas, or all. Default: none.
            optional --layers names: String
            /// Folder for the table and its record. Default: benches/runs.
            optional --out dir: PathBuf
        }

        /// Builds the Python package in a virtual environment, installs it with pinned packages and runs its tests. Where there is
        /// no Python 3.9 or newer, or the packages can't be downloaded, it says so and succeeds.
        cmd python {
            /// The Python. Default: python3, or else python.
            optional --python file: PathBuf
            /// Only the tests whose names match this expression of pytest -k.
            optional --filter expression: String
        }

        /// Formatting, tidy, packages, clippy, all tests, documentation, fuzz targets. Stops at the first failure.
        cmd test {}

        /// The rules that neither rustc nor clippy can check: which crate may use which, a reason for each dependency, the
        /// length of files, tests that don't run.
        cmd tidy {}
    }
}
