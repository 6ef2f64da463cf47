//! Images in files or in arrays to arrays of features.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use headstart::{
    Backbone, Error, Featurized, Featurizer as Job, ImageList, Pooling, Preprocessing, Provenance, RgbPixels,
};
use numpy::{IxDyn, PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArray3, PyReadonlyArray4};
use pyo3::prelude::*;

use crate::errors::{exception, usage};
use crate::json;
use crate::settings::{self, Input};
use crate::watcher::{Watcher, detached};

/// A network with the way from images to its input. It is loaded when images come, and kept.
#[pyclass(frozen)]
pub(crate) struct Featurizer {
    pub(crate) backbone: Backbone,
    pub(crate) preprocessing: Preprocessing,
    /// What becomes of its maps, if that was chosen.
    pub(crate) pooling: Option<Pooling>,
    pub(crate) batch_size: Option<usize>,
    row_shape: Vec<usize>,
    /// A job keeps it until it ends, and needs the interpreter's lock meanwhile: nobody may wait for it who has that lock.
    job: Mutex<Job>,
}

impl Featurizer {
    pub(crate) fn new(job: Job, pooling: Option<Pooling>, batch_size: Option<usize>) -> Self {
        let (backbone, preprocessing) = (job.backbone().clone(), job.preprocessing().clone());
        let row_shape = job.row_shape().to_vec();
        let job = match batch_size {
            Some(batch_size) => job.batch_size(batch_size),
            None => job,
        };
        Self { backbone, preprocessing, pooling, batch_size, row_shape, job: Mutex::new(job) }
    }

    /// What its features depend on.
    pub(crate) fn provenance(&self, py: Python<'_>) -> PyResult<Provenance> {
        detached(py, || self.job().provenance())
    }

    fn job(&self) -> MutexGuard<'_, Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a job, and gives its features to numpy without a copy.
    fn run<'py>(
        &self,
        py: Python<'py>,
        progress: Option<Py<PyAny>>,
        work: impl FnOnce(&mut Job, &mut Watcher) -> Result<Featurized, Error> + Send,
    ) -> PyResult<Rows<'py>> {
        let values = Watcher::run(py, progress, |watcher| Ok(work(&mut self.job(), watcher)?.values))?;
        let rows = values.len() / self.row_shape.iter().product::<usize>().max(1);
        let shape: Vec<usize> = std::iter::once(rows).chain(self.row_shape.iter().copied()).collect();
        PyArray1::from_vec(py, values).reshape(IxDyn(&shape))
    }
}

/// A row of features for each image.
type Rows<'py> = Bound<'py, PyArrayDyn<f32>>;

#[pymethods]
impl Featurizer {
    /// By the name of a network or the file of its weights, with settings of its input.
    #[new]
    #[pyo3(signature = (network, weights, input, pool, batch_size, device))]
    fn open(
        py: Python<'_>,
        network: &str,
        weights: Option<PathBuf>,
        input: Input,
        pool: Option<&str>,
        batch_size: Option<usize>,
        device: &str,
    ) -> PyResult<Self> {
        let backbone = settings::backbone(network, weights.as_deref(), device)?;
        let pooling = settings::pooling(pool)?;
        let choice = input.choice()?;
        let mut preprocessing =
            Watcher::run(py, None, |watcher| backbone.preprocessing_with(&choice, watcher))?;
        preprocessing.mirror |= input.mirror;
        let job = Job::with(backbone, preprocessing, pooling).map_err(exception)?;
        Ok(Self::new(job, pooling, batch_size))
    }

    /// The features of files and of the images in folders.
    #[pyo3(signature = (paths, strict, progress))]
    fn files<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<PathBuf>,
        strict: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Rows<'py>> {
        self.run(py, progress, |job, watcher| {
            let images = ImageList::new(paths, false, watcher)?;
            job.files(images, strict, watcher)
        })
    }

    /// The features of an array of images of one size, N x height x width x 3.
    #[pyo3(signature = (images, progress))]
    fn batch<'py>(
        &self,
        py: Python<'py>,
        images: PyReadonlyArray4<'py, u8>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Rows<'py>> {
        let &[_, height, width, _] = images.as_array().shape() else { return Err(not_contiguous()) };
        let pixels = images.as_slice().map_err(|_| not_contiguous())?;
        let images = pixels.chunks((height * width * 3).max(1));
        let images = images.map(|image| RgbPixels::new(image, height, width)).collect::<Result<Vec<_>, _>>();
        let images = images.map_err(exception)?;
        self.run(py, progress, |job, watcher| job.pixels(&images, watcher))
    }

    /// The features of images of any sizes, each height x width x 3.
    #[pyo3(signature = (images, progress))]
    fn arrays<'py>(
        &self,
        py: Python<'py>,
        images: Vec<PyReadonlyArray3<'py, u8>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Rows<'py>> {
        let images = images.iter().map(pixels_of).collect::<PyResult<Vec<_>>>()?;
        self.run(py, progress, |job, watcher| job.pixels(&images, watcher))
    }

    /// The shape of a row of features.
    #[getter]
    fn row_shape(&self) -> Vec<usize> {
        self.row_shape.clone()
    }

    /// The network's name.
    #[getter]
    fn network(&self) -> String {
        self.backbone.id().to_string()
    }

    /// How an image becomes the network's input, as manifests and models state it.
    fn input<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.preprocessing)
    }

    /// The hash of all that the features depend on.
    fn fingerprint(&self, py: Python<'_>) -> PyResult<String> {
        self.provenance(py).map(|provenance| provenance.fingerprint)
    }
}

fn pixels_of<'a>(image: &'a PyReadonlyArray3<'_, u8>) -> PyResult<RgbPixels<'a>> {
    let size = image.as_array().raw_dim();
    let values = image.as_slice().map_err(|_| not_contiguous())?;
    RgbPixels::new(values, size[0], size[1]).map_err(exception)
}

fn not_contiguous() -> PyErr {
    usage("images: expected contiguous arrays of shape height x width x 3".to_owned())
}
