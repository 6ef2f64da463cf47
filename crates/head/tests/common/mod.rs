//! What most tests of training need.
#![allow(dead_code, reason = "each test file uses a part")]

use std::ops::ControlFlow;

use headstart_head::{TrainOptions, TrainingEvent};

/// An observer that never ends training.
pub(crate) fn silent(_: TrainingEvent<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Options with some fields changed.
pub(crate) fn with(options: &TrainOptions, change: impl FnOnce(&mut TrainOptions)) -> TrainOptions {
    let mut options = options.clone();
    change(&mut options);
    options
}

/// The default options with some fields changed.
pub(crate) fn options_with(change: impl FnOnce(&mut TrainOptions)) -> TrainOptions {
    with(&TrainOptions::default(), change)
}
