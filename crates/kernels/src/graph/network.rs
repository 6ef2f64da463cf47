//! A graph that runs: its kernels are packed, and its memory is kept from one call to the next.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::cpu::{Cpu, Setting, second_cache};
use super::forward::{Outcome, Run};
use super::outline::Outline;
use super::plan::Plan;
use super::schedule::Schedule;
use super::step::Step;
use super::{Graph, Maps, Pooling, Shape, tiled};
use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::feature_maps::size;
use crate::path::Path;
use crate::queue::{Queue, Turns, workers};
use crate::stack::LayerTime;

/// A [`Graph`] with packed kernels.
///
/// An image's results are the same to the bit for any batch and any number of threads.
pub struct Network {
    graph: Graph,
    pub(super) steps: Vec<Step>,
    pub(super) output: Maps,
    parameters: Buffer,
    cpu: Cpu,
    plans: Mutex<HashMap<[usize; 2], Arc<Plan>>>,
    memory: Mutex<Vec<Memory>>,
}

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Memory {
    /// The maps of images.
    pub(super) maps: Buffer,
    pub(super) scratch: Scratch,
}

/// Memory for parts of maps.
#[derive(Default)]
pub(super) struct Scratch {
    /// The tiles of a convolution.
    pub(super) tiles: tiled::Scratch,
    /// The maps within a chain.
    pub(super) bands: Buffer,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("steps", &self.steps.len())
            .field("path", &self.cpu.path)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Packs what is needed for the last operation's result, for the path that [`Path::detect`] chooses.
    ///
    /// # Errors
    /// The environment forces a path that this CPU can't run.
    pub fn new(graph: Graph) -> Result<Self, Error> {
        let output = graph.last();
        Self::with_path(graph, output, Path::detect()?)
    }

    /// Packs what is needed for some maps, for a given path.
    ///
    /// # Errors
    /// [`Error::UnsupportedPath`] if this CPU can't run it; [`Error::Memory`] if the system has too little.
    pub fn with_path(graph: Graph, output: Maps, path: Path) -> Result<Self, Error> {
        Self::with_cache(graph, output, path, second_cache())
    }

    /// [`with_path`](Self::with_path) for cores with a second-level cache of so many bytes. They decide how many rows or
    /// channels are computed before the next step reads them, and no bit of the results.
    ///
    /// # Errors
    /// As [`with_path`](Self::with_path).
    pub fn with_cache(mut graph: Graph, output: Maps, path: Path, cache: usize) -> Result<Self, Error> {
        if !path.is_supported() {
            return Err(Error::UnsupportedPath(path));
        }
        let (steps, parameters) = Step::of(&graph, &[output])?;
        graph.forget_parameters();
        let cpu = Cpu::new(path, cache);
        Ok(Self { graph, steps, parameters, output, cpu, plans: Mutex::default(), memory: Mutex::default() })
    }

    /// The instructions that run it.
    #[must_use]
    pub fn path(&self) -> Path {
        self.cpu.path
    }

    /// The shape of its result for images of a size.
    ///
    /// # Errors
    /// Images that are too small.
    pub fn output_shape(&self, height: usize, width: usize) -> Result<Shape, Error> {
        self.graph.shape(self.output, height, width)
    }

    /// How it is run on images of a size.
    ///
    /// # Errors
    /// Images that are too small.
    pub fn outline(&self, height: usize, width: usize) -> Result<Outline, Error> {
        Ok(Outline::new(&self.steps, &*self.plan(height, width)?))
    }

    /// Runs it on a batch of images, on the thread that calls and others of the current rayon pool.
    ///
    /// # Shapes
    ///
    /// `images` is `N x C x H x W`, as `shape` states; `output` is `N x` [`output_shape`](Self::output_shape).
    ///
    /// # Errors
    /// A length, the channels or the size do not fit, or the system has too little memory.
    pub fn forward(&self, images: &[f32], shape: [usize; 4], output: &mut [f32]) -> Result<(), Error> {
        self.run(images, shape, Outcome::Maps, output).map(drop)
    }

    /// [`forward`](Self::forward), and each map of the result pooled into one value. A mean is summed in f64, in the order of the
    /// pixels, and rounded once. Where a map has NaN, so has the result.
    ///
    /// # Shapes
    ///
    /// As [`forward`](Self::forward), but `output` is `N x` the channels of [`output_shape`](Self::output_shape).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_pooled(
        &self,
        images: &[f32],
        shape: [usize; 4],
        pooling: Pooling,
        output: &mut [f32],
    ) -> Result<(), Error> {
        self.run(images, shape, Outcome::Pooled(pooling), output).map(drop)
    }

    /// Runs it and measures: the time of each step, summed over the threads.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn profile(
        &self,
        images: &[f32],
        shape: [usize; 4],
        output: &mut [f32],
    ) -> Result<Vec<LayerTime>, Error> {
        let seconds = self.run(images, shape, Outcome::Maps, output)?;
        let plan = self.plan(shape[2], shape[3])?;
        let count = shape[0] as f64;
        let time = |(step, seconds): (&Step, f64)| {
            let [multiply_adds, direct_multiply_adds] = step.multiply_adds(&plan).map(|adds| adds * count);
            let (name, method) = (step.name.clone(), step.method(&plan));
            LayerTime { name, method, seconds, multiply_adds, direct_multiply_adds }
        };
        Ok(self.steps.iter().zip(seconds).map(time).collect())
    }

    /// Runs it; returns the seconds of each step, summed over the threads.
    fn run(
        &self,
        images: &[f32],
        shape: [usize; 4],
        result: Outcome,
        output: &mut [f32],
    ) -> Result<Vec<f64>, Error> {
        let [count, channels, height, width] = shape;
        let expected = self.graph.channels(self.graph.input());
        if channels != expected {
            return Err(Error::Channels { what: "images".to_owned(), expected, found: channels });
        }
        let plan = self.plan(height, width)?;
        Error::check_length("images", size(&shape), images.len())?;
        let of_image = result.len(plan.layouts[self.output.0].shape);
        Error::check_length("output", count.saturating_mul(of_image), output.len())?;
        if count == 0 {
            return Ok(vec![0.0; self.steps.len()]);
        }
        let schedule = Schedule::new(&self.steps, &plan, count, workers());
        let run = Run { network: self, plan: &plan, images, result, output: Shared::new(output), schedule };
        let queue = Queue::new(run.schedule.tasks.len());
        let done = Mutex::new((Ok(()), vec![0.0; self.steps.len()]));
        let mut shared = self.take_memory();
        shared.maps.reserve(plan.len_of(1))?;
        let common = Shared::new(&mut shared.maps);
        let work = |turns: Turns<'_>| {
            let found = run.tasks(turns, common);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match found {
                Ok(found) => done.1.iter_mut().zip(found).for_each(|(all, found)| *all += found),
                Err(error) => done.0 = Err(error),
            }
        };
        queue.share(work);
        self.keep_memory(shared);
        let (result, seconds) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        result.map(|()| seconds)
    }

    fn plan(&self, height: usize, width: usize) -> Result<Arc<Plan>, Error> {
        let plans = || self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans().get(&[height, width]) {
            return Ok(Arc::clone(plan));
        }
        let plan =
            Arc::new(Plan::new(&self.graph, &self.steps, &[self.output], self.cpu.cache, height, width)?);
        plans().insert([height, width], Arc::clone(&plan));
        Ok(plan)
    }

    pub(super) fn setting<'a>(&'a self, plan: &'a Plan) -> Setting<'a> {
        Setting { cpu: self.cpu, parameters: &self.parameters, plan }
    }

    pub(super) fn take_memory(&self) -> Memory {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn keep_memory(&self, memory: Memory) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::{Kind, Task};
    use super::*;
    use crate::graph::{Activation, Convolution, Pooling, Window};
    use crate::products::tests::values;
    use crate::queue::tests::WORKERS;

    /// A network with every kind of stage: tiles, chains of a depthwise convolution, products with pixels, a sum and a gate.
    fn network(cache: usize) -> Network {
        let mut graph = Graph::new(3);
        let mut maps = graph.input();
        let convolution = |graph: &mut Graph, maps, (inputs, outputs, groups), window: Window, activation| {
            let count = outputs * inputs / groups * window.size[0] * window.size[1];
            let scale = 2.0 / (count as f32 / outputs as f32).sqrt();
            let kernel: Vec<f32> = values(count, outputs).iter().map(|value| value * scale).collect();
            let parts = Convolution {
                in_channels: inputs,
                out_channels: outputs,
                groups,
                window,
                kernel: kernel.into(),
                bias: values(outputs, 3).into(),
                activation,
            };
            graph.convolution("convolution", maps, parts).unwrap()
        };
        let relu = Activation::Relu6;
        maps = convolution(&mut graph, maps, (3, 32, 1), Window::square(3, 2, 1), relu);
        for (outputs, stride) in [(64, 1), (64, 2), (96, 2)] {
            let inputs = graph.channels(maps);
            let wide = convolution(&mut graph, maps, (inputs, 96, 1), Window::PIXEL, relu);
            let deep = convolution(&mut graph, wide, (96, 96, 96), Window::square(3, stride, 1), relu);
            let gate = graph.pool_globally("means", deep, Pooling::Average);
            let gate = convolution(&mut graph, gate, (96, 96, 1), Window::PIXEL, Activation::Sigmoid);
            let deep = graph.multiply("gate", deep, gate).unwrap();
            let narrow = convolution(&mut graph, deep, (96, outputs, 1), Window::PIXEL, Activation::Linear);
            let tiles = convolution(&mut graph, narrow, (outputs, outputs, 1), Window::square(3, 1, 1), relu);
            maps = graph.add("sum", narrow, tiles, Activation::Linear).unwrap();
        }
        let output = graph.last();
        Network::with_cache(graph, output, Path::detect().unwrap(), cache).unwrap()
    }

    /// A batch of 16 was once 6, 6 and 4 images: one of two threads had 10.
    #[test]
    fn threads_get_the_same_number_of_images() {
        for cache in [1 << 10, 1 << 15, second_cache()] {
            let network = network(cache);
            let plan = network.plan(48, 40).unwrap();
            for workers in 1..=5 {
                for images in 0..=40 {
                    let tasks = Schedule::new(&network.steps, &plan, images, workers).tasks;
                    let count = |task: &Task| match task.kind {
                        Kind::Images { count, .. } => Some(count),
                        Kind::Part { .. } => None,
                    };
                    let counts: Vec<_> = tasks.iter().filter_map(count).collect();
                    assert_eq!(counts.len() % workers, 0, "{images} images, {workers} threads");
                    assert_eq!(counts.iter().sum::<usize>(), images - images % workers, "{counts:?}");
                    let [least, most] =
                        [counts.iter().min(), counts.iter().max()].map(|count| count.copied());
                    assert!(most.unwrap_or(0) - least.unwrap_or(0) <= 1, "{counts:?}");
                    assert!(most.unwrap_or(0) <= plan.together(), "{counts:?}");
                }
            }
        }
    }

    /// The CPUs of the machine that runs this test are too few to divide more than one image of a batch.
    #[test]
    fn images_that_many_threads_share_are_those_of_one_thread() {
        // Of a small cache, and one that holds the maps of few images, and of many.
        let [small, few, network] = [1 << 10, 1 << 15, second_cache()].map(network);
        let images_of = |network: &Network| {
            let plan = network.plan(48, 40).unwrap();
            plan.sections.iter().map(|section| section.images).collect::<Vec<_>>()
        };
        assert_eq!(images_of(&small), [1]);
        assert!(images_of(&few).len() > 1, "{:?}", images_of(&few));
        assert_eq!(images_of(&network), [8]);
        let shape = |count| [count, 3, 48, 40];
        let row = network.output_shape(48, 40).unwrap().len();
        let images = values(7 * 3 * 48 * 40, 5);
        let run = |network: &Network, workers, count: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
            let mut output = vec![f32::NAN; count * row];
            pool.install(|| {
                WORKERS.set(Some(workers));
                network.forward(&images[..count * 3 * 48 * 40], shape(count), &mut output)
            })
            .unwrap();
            output
        };
        let expected = run(&network, 1, 7);
        assert!(expected.iter().any(|value| *value > 0.1));
        for workers in [2, 3, 5, 16] {
            for count in 1..=7 {
                for network in [&small, &few, &network, &network, &network, &network] {
                    let found = run(network, workers, count);
                    assert!(found == expected[..count * row], "{workers} threads, {count} images");
                }
            }
        }
    }
}
