//! Memory for a plan: the maps between its layers, and the tasks' scratch memory.

use std::sync::Mutex;

use crate::buffer::Buffer;
use crate::error::Error;
use crate::feature_maps::MapLayout;
use crate::plan::{LayerPlan, Method, Plan};
use crate::rows::InputRows;
use crate::winograd::Place;

/// The maps between the layers of a plan, and scratch memory.
pub(crate) struct Workspace {
    plan: Plan,
    images: usize,
    /// The maps that each layer reads, for the images that it computes together; then those that the last layer writes.
    pub(crate) maps: Vec<Buffer>,
    /// Transformed input that tasks share: for one layer and for the next.
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
            Buffer::zeroed(layout(plan, place).len().saturating_mul(images.min(at_a_time)))
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

    /// Whether it can be used for a plan and a number of images.
    pub(crate) fn fits(&self, plan: &Plan, images: usize) -> bool {
        self.plan == *plan && images.min(plan.images()) <= self.images
    }
}

/// The layout of the maps that a layer reads; after the last layer, of those that it writes.
pub(crate) fn layout(plan: &Plan, place: usize) -> MapLayout {
    match plan.layers.get(place) {
        Some(layer) => {
            let LayerPlan { in_channels, height, width, .. } = *layer;
            MapLayout { channels: in_channels, height, width, covered: layer.covered() }
        }
        None => {
            let last = &plan.layers[plan.layers.len() - 1];
            let [height, width] = last.stored();
            MapLayout { channels: last.out_channels, height, width, covered: [height, width] }
        }
    }
}

/// The scratch memory of one task.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) v: Buffer,
    pub(crate) m: Buffer,
    /// The places of its tiles.
    pub(crate) places: Vec<Place>,
    /// The places of the next task's tiles.
    pub(crate) following: Vec<Place>,
    /// A strip of a layer's rows, for the next layer to read.
    pub(crate) strip: Buffer,
    /// The transformed input of these rows.
    pub(crate) input: InputRows,
    /// Two rows before their pooling.
    pub(crate) rows: Vec<f32>,
}
