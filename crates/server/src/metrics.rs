//! Figures of a server as Prometheus reads them (text format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of times in seconds.
const SECONDS: &[f64] =
    &[0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Upper bounds of images in a batch.
const IMAGES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

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
    const ALL: [(Self, &'static str); 4] = [
        (Self::Answered, "answered"),
        (Self::Unreadable, "unreadable"),
        (Self::Abandoned, "abandoned"),
        (Self::Failed, "failed"),
    ];
}

/// Counts since the server started.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By route and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    predict_seconds: Histogram,
    batch_images: Histogram,
    images: [AtomicU64; 4],
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: Mutex::default(),
            predict_seconds: Histogram::new(SECONDS),
            batch_images: Histogram::new(IMAGES),
            images: Default::default(),
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, status)).or_default() += 1;
        drop(requests);
        if route == crate::app::PREDICT {
            self.predict_seconds.observe(took.as_secs_f64());
        }
    }

    pub(crate) fn batch(&self, images: usize) {
        self.batch_images.observe(images as f64);
    }

    pub(crate) fn image(&self, fate: Fate) {
        self.images[fate as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All figures. `queue` is the number of images that wait, `connections` that of open connections.
    pub(crate) fn text(&self, queue: usize, connections: usize) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &dyn Fn(&mut String)| {
            // Nothing fails that writes into a String.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            lines(&mut text);
        };
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        family("headstart_requests_total", "counter", "Requests that were answered.", &|text| {
            for ((route, status), count) in &requests {
                let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
                let _ = writeln!(text, "headstart_requests_total{labels} {count}");
            }
        });
        let name = "headstart_predict_seconds";
        family(
            name,
            "histogram",
            "Time from the head of a request for predictions to its answer.",
            &|text| {
                self.predict_seconds.lines(name, text);
            },
        );
        family("headstart_images_total", "counter", "Images, by what became of them.", &|text| {
            for (fate, outcome) in Fate::ALL {
                let count = self.images[fate as usize].load(Ordering::Relaxed);
                let _ = writeln!(text, "headstart_images_total{{outcome=\"{outcome}\"}} {count}");
            }
        });
        let name = "headstart_batch_images";
        family(name, "histogram", "Images that were computed together.", &|text| {
            self.batch_images.lines(name, text);
        });
        family("headstart_queue_images", "gauge", "Images that wait.", &|text| {
            let _ = writeln!(text, "headstart_queue_images {queue}");
        });
        family("headstart_connections", "gauge", "Open connections.", &|text| {
            let _ = writeln!(text, "headstart_connections {connections}");
        });
        text
    }
}

/// How many values are at most as large as each of some bounds.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// Values in each interval; the last one is beyond all bounds.
    counts: Mutex<(Vec<u64>, f64)>,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: Mutex::new((vec![0; bounds.len() + 1], 0.0)) }
    }

    fn observe(&self, value: f64) {
        let interval = self.bounds.partition_point(|&bound| bound < value);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.0[interval] += 1;
        counts.1 += value;
    }

    fn lines(&self, name: &str, text: &mut String) {
        let (counts, sum) = self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut below = 0;
        let bounds = self.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (count, bound) in counts.iter().zip(bounds) {
            below += count;
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {below}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_below_it() {
        let histogram = Histogram::new(IMAGES);
        for value in [1.0, 2.0, 3.0, 100.0] {
            histogram.observe(value);
        }
        let mut text = String::new();
        histogram.lines("h", &mut text);
        let expected = "h_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 2\nh_bucket{le=\"4\"} 3\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.ends_with("h_bucket{le=\"64\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 106\nh_count 4\n"),
            "{text}"
        );
    }
}
