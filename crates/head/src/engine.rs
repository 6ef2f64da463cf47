//! The code that computes: one engine for the CPU, one for other devices.
//!
//! This file chooses between them. Everything above knows only [`Engine`].

mod interface;
mod network;
#[cfg(test)]
mod network_tests;
mod tensors;

pub(crate) use interface::{Batch, Engine, Objective, Parameters};
use network::Network;
use tensors::Tensors;

use crate::error::Error;
use crate::head::Head;

/// The engine for a head's device, for at most `batch_size` rows at a time. It works on a copy of the head's parameters.
pub(crate) fn open(head: &Head, objective: Objective, batch_size: usize) -> Result<Box<dyn Engine>, Error> {
    Ok(if head.device().is_cpu() {
        Box::new(Network::new(head, objective, batch_size)?)
    } else {
        Box::new(Tensors::new(head, objective)?)
    })
}
