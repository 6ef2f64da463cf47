//! What `cargo xtask` takes, as types.

use std::path::PathBuf;

xflags::xflags! {
    /// The workspace's own commands.
    cmd xtask {
        /// The main job: extract features of two folders, train a head on them, evaluate it, predict with it and make its
        /// report. Without flags it runs on the shipped images and weights with the constants of the script.
        cmd pipeline {
            /// Folder of training images, one sub-folder per class; data/train where it is left out.
            optional --train-dir dir: PathBuf
            /// Folder of validation images with the same classes; data/validation where it is left out.
            optional --validation-dir dir: PathBuf
            /// Pretrained weights; data/weights/vgg16_weights.h5 where it is left out.
            optional --weights file: PathBuf
            /// Folder for what the run writes, made where it is missing; runs/pipeline where it is left out.
            optional --out dir: PathBuf
            /// vgg11, vgg13, vgg16 (the default) or vgg19.
            optional --backbone name: String
            /// blog (the default), caffe or torchvision.
            optional --preset name: String
            /// Height x width of the network's input; 150x150 where it is left out.
            optional --size size: String
            /// Images and rows per batch; 32 where it is left out.
            optional --batch-size n: usize
            /// Passes over the training features; 50 where it is left out.
            optional --epochs n: usize
            /// Seed of the head; 0 where it is left out.
            optional --seed n: u64
            /// Replace what an earlier run left in --out; the default folder's is always replaced.
            optional --fresh
            /// Threads; one per core where it is left out.
            optional --threads n: usize
        }

        /// Measures headstart beside candle and whatever rivals are installed, prints one table and archives it with the
        /// machine's description. benches/README.md tells how to install the rivals.
        cmd bench {
            /// Fewer shapes and rounds: about 3 minutes instead of 16.
            optional --quick
            /// No times: errors over all shipped images at 150 x 150, in all and of the worst channel, which needs PyTorch.
            optional --accuracy
            /// The Python that has the rivals; python3 where it is left out.
            optional --python file: PathBuf
            /// Names of contestants, separated by commas; all where it is left out. headstart is always among them.
            optional --only names: String
            /// Numbers of threads, separated by commas; 1,2 where it is left out.
            optional --threads list: String
            /// Folder for the table and its record; benches/runs where it is left out.
            optional --out dir: PathBuf
        }

        /// Formatting, clippy, tidy, all tests, documentation, fuzz targets; stops at the first failure.
        cmd test {}

        /// The rules that no compiler checks: who may depend on whom, where unsafe and printing may stand.
        cmd tidy {}
    }
}
