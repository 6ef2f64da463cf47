//! Figures of a server, as Prometheus reads them.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The type of [`Metrics::text`].
pub(crate) const TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Upper bounds of times in seconds.
const SECONDS: [f64; 17] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Upper bounds of images in a batch.
const IMAGES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// What became of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It can't be read.
    Unreadable,
    /// Its client went away before it was computed.
    Abandoned,
    /// The network failed.
    Failed,
}

impl Fate {
    const ALL: [Self; 4] = [Self::Answered, Self::Unreadable, Self::Abandoned, Self::Failed];

    fn labels(self) -> OfImage {
        let outcome = match self {
            Self::Answered => "answered",
            Self::Unreadable => "unreadable",
            Self::Abandoned => "abandoned",
            Self::Failed => "failed",
        };
        OfImage { outcome }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfImage {
    outcome: &'static str,
}

/// Counts since the server started, and how much is going on.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    predict_seconds: Histogram,
    images: Family<OfImage, Counter>,
    batch_images: Histogram,
    queue_images: Gauge,
    connections: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("headstart"),
            requests: Family::default(),
            predict_seconds: Histogram::new(SECONDS),
            images: Family::default(),
            batch_images: Histogram::new(IMAGES),
            queue_images: Gauge::default(),
            connections: Gauge::default(),
        };
        // They are all shown from the start: what is missing can't be told from what is zero.
        for fate in Fate::ALL {
            drop(metrics.images.get_or_create(&fate.labels()));
        }
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests that were answered", metrics.requests.clone());
        let help = "Time from the head of a request for predictions to its answer";
        registry.register("predict_seconds", help, metrics.predict_seconds.clone());
        registry.register("images", "Images, by what became of them", metrics.images.clone());
        registry.register("batch_images", "Images that were computed together", metrics.batch_images.clone());
        registry.register("queue_images", "Images that wait", metrics.queue_images.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        metrics
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&OfRequest { route, status }).inc();
        if route == crate::app::PREDICT {
            self.predict_seconds.observe(took.as_secs_f64());
        }
    }

    pub(crate) fn batch(&self, images: usize) {
        self.batch_images.observe(images as f64);
    }

    pub(crate) fn image(&self, fate: Fate) {
        self.images.get_or_create(&fate.labels()).inc();
    }

    pub(crate) fn opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn closed(&self) {
        self.connections.dec();
    }

    /// All figures, where so many images wait.
    pub(crate) fn text(&self, queue: usize) -> String {
        self.queue_images.set(queue as i64);
        let mut text = String::new();
        // Nothing fails that writes into a String.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_below_it_and_what_has_not_happened_is_zero() {
        let metrics = Metrics::new();
        for images in [1, 2, 3, 100] {
            metrics.batch(images);
        }
        metrics.request("/v1/predict", 200, Duration::from_millis(20));
        let text = metrics.text(3);
        for line in [
            "# TYPE headstart_batch_images histogram",
            "headstart_batch_images_bucket{le=\"1\"} 1",
            "headstart_batch_images_bucket{le=\"2\"} 2",
            "headstart_batch_images_bucket{le=\"4\"} 3",
            "headstart_batch_images_bucket{le=\"64\"} 3",
            "headstart_batch_images_bucket{le=\"+Inf\"} 4",
            "headstart_batch_images_sum 106.0",
            "headstart_batch_images_count 4",
            "headstart_predict_seconds_bucket{le=\"0.02\"} 1",
            "headstart_requests_total{route=\"/v1/predict\",status=\"200\"} 1",
            "headstart_images_total{outcome=\"failed\"} 0",
            "headstart_queue_images 3",
            "headstart_connections 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
