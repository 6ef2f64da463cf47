//! Memory for a plan: the maps between its layers, and what tasks work in.

use std::sync::Mutex;

use crate::activations::Extent;
use crate::buffer::Buffer;
use crate::error::Error;
use crate::plan::{LayerPlan, Method, Plan};
use crate::rows::InputRows;
use crate::winograd::Place;

/// The maps between the layers of a plan, and scratch memory.
pub(crate) struct Workspace {
    plan: Plan,
    images: usize,
    /// The maps that each layer reads, for as many images as it is computed for at a time; at the end those that the
    /// last layer writes.
    pub(crate) maps: Vec<Buffer>,
    /// Transformed input that tasks share: of one layer and of the next.
    pub(crate) transformed: [Buffer; 2],
    pub(crate) scratch: Mutex<Vec<Scratch>>,
}

impl Workspace {
    /// Memory for a plan and for up to `images` images.
    pub(crate) fn new(plan: &Plan, images: usize) -> Result<Self, Error> {
        let places = 0..=plan.layers.len();
        let maps = places.map(|place| {
            let before = place.checked_sub(1).map(|before| plan.layers[before]);
            let at_a_time = match (before, plan.layers.get(place)) {
                (Some(before), _) if before.method == Method::Rows => 0,
                (_, Some(layer)) => layer.images,
                (Some(before), None) => before.images,
                (None, None) => 0,
            };
            Buffer::zeroed(extent(plan, place).len().saturating_mul(images.min(at_a_time)))
        });
        let maps = maps.collect::<Result<_, _>>()?;
        let images = images.min(plan.images());
        Ok(Self {
            plan: plan.clone(),
            images,
            maps,
            transformed: Default::default(),
            scratch: Mutex::default(),
        })
    }

    /// Whether it serves a plan and a number of images.
    pub(crate) fn fits(&self, plan: &Plan, images: usize) -> bool {
        self.plan == *plan && images.min(plan.images()) <= self.images
    }
}

/// The maps that stand before a layer; past the last one, those that it writes.
pub(crate) fn extent(plan: &Plan, place: usize) -> Extent {
    match plan.layers.get(place) {
        Some(layer) => {
            let LayerPlan { in_channels, height, width, .. } = *layer;
            Extent { channels: in_channels, height, width, covered: layer.covered() }
        }
        None => {
            let last = &plan.layers[plan.layers.len() - 1];
            let [height, width] = last.stored();
            Extent { channels: last.out_channels, height, width, covered: [height, width] }
        }
    }
}

/// What one task works in.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) v: Buffer,
    pub(crate) m: Buffer,
    /// Where the tiles lie.
    pub(crate) places: Vec<Place>,
    /// Where those of the next task do.
    pub(crate) following: Vec<Place>,
    /// Rows of a layer as the next reads them.
    pub(crate) strip: Buffer,
    /// What its rows are made of.
    pub(crate) input: InputRows,
    /// Two rows before their pooling.
    pub(crate) rows: Vec<f32>,
}
