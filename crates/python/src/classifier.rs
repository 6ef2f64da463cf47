//! A trained head: rows of features to probabilities.

use std::path::PathBuf;

use headstart::evaluation::{Evaluation, EvaluationOptions};
use headstart::{
    Backbone, Classifier as Head, Description, Device, DeviceChoice, Featurizer as Job, FitRecord,
    LabelledFeatures, RowFitting,
};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::errors::{exception, usage};
use crate::featurizer::Featurizer;
use crate::json;
use crate::settings::{Weights, class_weights, if_exists, parsed, search};
use crate::watcher::{Watcher, detached};

/// A trained head with all that its file says about it.
#[pyclass(frozen)]
pub(crate) struct Classifier {
    head: Head,
    /// Where it was loaded from.
    path: Option<PathBuf>,
}

impl Classifier {
    pub(crate) fn new(head: Head) -> Self {
        Self { head, path: None }
    }
}

/// What a fitting to rows is asked for.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct RowSettings {
    strength: Option<f64>,
    class_weight: Option<Weights>,
    unknown_share: f64,
    calibrate: bool,
    seed: u64,
}

/// The probabilities of each row, N x classes, and how unlike the known rows each is, if the head tells.
type Answers<'py> = (Bound<'py, PyArray2<f32>>, Option<Bound<'py, PyArray1<f32>>>);

#[pymethods]
impl Classifier {
    /// Reads a model of headstart or a head of Keras.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let head = detached(py, || Head::load(&path))?;
        Ok(Self { head, path: Some(path) })
    }

    /// Fits a head to rows of features. Returns it with the figures of its cross-validation and the answers that these judge.
    #[staticmethod]
    #[pyo3(signature = (rows, labels, classes, groups, featurizer, settings, progress))]
    #[allow(clippy::too_many_arguments, reason = "Python names them")]
    fn fit<'py>(
        py: Python<'py>,
        rows: PyReadonlyArrayDyn<'py, f32>,
        labels: Vec<u32>,
        classes: Vec<String>,
        groups: Option<Vec<usize>>,
        featurizer: Option<&Featurizer>,
        settings: RowSettings,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, Bound<'py, PyAny>, Bound<'py, PyArray2<f32>>)> {
        let weights = class_weights(settings.class_weight)?;
        let provenance = featurizer.map(|featurizer| featurizer.provenance(py)).transpose()?;
        let row_shape = row_shape(&rows)?;
        let values = rows.as_slice().map_err(|_| not_contiguous())?;
        let fitted = Watcher::run(py, progress, |watcher| {
            let mut fitting = RowFitting::new(values, &row_shape, &labels, &classes)
                .class_weights(weights)
                .unknown_share(settings.unknown_share)
                .calibrate(settings.calibrate)
                .seed(settings.seed);
            if let Some(groups) = &groups {
                fitting = fitting.groups(groups);
            }
            if let Some(strength) = settings.strength {
                fitting = fitting.strength(strength);
            }
            if let Some(provenance) = provenance {
                fitting = fitting.provenance(provenance);
            }
            fitting.run(watcher)
        })?;
        let held_out: Vec<f32> = fitted.held_out.rows().flatten().copied().collect();
        let held_out = PyArray1::from_vec(py, held_out).reshape([labels.len(), classes.len()])?;
        Ok((Self::new(fitted.classifier), json::to_python(py, &fitted.cross_validation)?, held_out))
    }

    /// The probabilities of rows of features.
    #[pyo3(signature = (rows, classes))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArrayDyn<'py, f32>,
        classes: Option<Vec<String>>,
    ) -> PyResult<Answers<'py>> {
        let row_shape = row_shape(&rows)?;
        let values = rows.as_slice().map_err(|_| not_contiguous())?;
        let units = classes.as_ref().map_or(self.head.classes().len(), Vec::len);
        let found = detached(py, || self.head.predict_values(values, &row_shape, classes))?;
        let rows = found.len();
        let novelty: Option<Vec<f32>> = found.iter().map(|prediction| prediction.novelty).collect();
        let values: Vec<f32> = found.into_iter().flat_map(|prediction| prediction.probabilities).collect();
        let probabilities = PyArray1::from_vec(py, values).reshape([rows, units])?;
        Ok((probabilities, novelty.map(|novelty| PyArray1::from_vec(py, novelty))))
    }

    /// The figures on rows of features.
    #[pyo3(signature = (rows, labels, resamples, seed))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArrayDyn<'py, f32>,
        labels: Vec<u32>,
        resamples: usize,
        seed: u64,
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        let row_shape = row_shape(&rows)?;
        let values = rows.as_slice().map_err(|_| not_contiguous())?;
        let options = options(resamples, seed);
        let found = detached(py, || self.head.evaluate_values(values, &row_shape, &labels, &options))?;
        figures(py, &found)
    }

    /// The figures on a `.npy` with a manifest.
    #[pyo3(signature = (features, resamples, seed, strict))]
    fn evaluate_file<'py>(
        &self,
        py: Python<'py>,
        features: PathBuf,
        resamples: usize,
        seed: u64,
        strict: bool,
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        let options = options(resamples, seed);
        let found = Watcher::run(py, None, |watcher| {
            let features = LabelledFeatures::open(&features)?;
            self.head.check_unseen(&features, strict, watcher)?;
            self.head.evaluate_with(&features, &options, 32, &Device::Cpu)
        })?;
        figures(py, &found)
    }

    /// Writes the model. The suffix chooses the layout.
    #[pyo3(signature = (path, overwrite, bundle))]
    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        overwrite: bool,
        bundle: Option<&Featurizer>,
    ) -> PyResult<()> {
        let bundle = bundle.map(|featurizer| featurizer.backbone.clone());
        detached(py, || match bundle {
            Some(backbone) => {
                self.head.clone().with_backbone(&backbone)?.save_as(&path, if_exists(overwrite))
            }
            None => self.head.save_as(&path, if_exists(overwrite)),
        })
    }

    /// The network and the way to its input that the model states. Without `weights`, these are looked for.
    #[pyo3(signature = (weights, batch_size, device))]
    fn featurizer(
        &self,
        py: Python<'_>,
        weights: Option<PathBuf>,
        batch_size: Option<usize>,
        device: &str,
    ) -> PyResult<Featurizer> {
        let device: DeviceChoice = parsed("device", device)?;
        let job = detached(py, || {
            let backbone = match &weights {
                Some(weights) => match self.head.backbone()? {
                    Some(id) => Backbone::named(id.architecture, weights).with_kernels(id.kernels),
                    None => Backbone::open(weights)?,
                },
                None => {
                    let search = self.path.iter().fold(search(), |search, path| search.beside(path));
                    search.of_classifier(&self.head)?
                }
            };
            Job::of_classifier(&self.head, backbone.on(device.open()?), Description::default())
        })?;
        let pooling = self.head.provenance().map(|provenance| provenance.pooling);
        Ok(Featurizer::new(job, pooling, batch_size))
    }

    /// The same with the weights of a network that is at hand.
    fn featurizer_with(&self, featurizer: &Featurizer) -> PyResult<Featurizer> {
        let job = Job::of_classifier(&self.head, featurizer.backbone.clone(), Description::default());
        let pooling = self.head.provenance().map(|provenance| provenance.pooling);
        Ok(Featurizer::new(job.map_err(exception)?, pooling, featurizer.batch_size))
    }

    /// The names of the classes, in label order; empty if the file does not say them.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.head.classes().to_vec()
    }

    /// The shape of the rows that it takes; empty if the file does not say it.
    #[getter]
    fn row_shape(&self) -> Vec<usize> {
        self.head.metadata().row_shape.clone()
    }

    /// What the file says of its fitting, if it does.
    fn record<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        FitRecord::of(&self.head).map(|record| json::to_python(py, &record)).transpose()
    }
}

fn options(resamples: usize, seed: u64) -> EvaluationOptions {
    let mut options = EvaluationOptions::default();
    (options.resamples, options.seed) = (resamples, seed);
    options
}

/// Figures as a dictionary and as a table.
fn figures<'py>(py: Python<'py>, found: &Evaluation) -> PyResult<(Bound<'py, PyAny>, String)> {
    Ok((json::to_python(py, found)?, found.to_string()))
}

/// The shape of a row of an array of rows.
fn row_shape(rows: &PyReadonlyArrayDyn<'_, f32>) -> PyResult<Vec<usize>> {
    match rows.as_array().shape() {
        [_, row @ ..] if row.len() == 1 || row.len() == 3 => Ok(row.to_vec()),
        found => {
            let expected = "rows of features, N x values or N x channels x height x width";
            Err(usage(format!("features: expected {expected}, found an array of shape {found:?}")))
        }
    }
}

fn not_contiguous() -> PyErr {
    usage("features: expected a contiguous array".to_owned())
}
