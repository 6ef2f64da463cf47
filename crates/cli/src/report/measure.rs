//! Figures of an evaluation, from probabilities and labels.

use headstart_head::analysis::Probabilities;

use super::data::{ClassMetrics, Evaluation, ReliabilityBin};

const BINS: usize = 10;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The most probable class; for two classes the second only beyond one half, as accuracy counts it.
pub(super) fn predicted(row: &[f32]) -> (usize, f64) {
    let (class, p) = row
        .iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (class, p)| if *p > best.1 { (class, *p) } else { best });
    (class, f64::from(p))
}

pub(super) fn evaluate(split: &str, labels: &[u32], probabilities: &Probabilities) -> Evaluation {
    let classes = probabilities.classes();
    let mut confusion = vec![vec![0_u64; classes]; classes];
    let mut loss = 0.0;
    let mut sums = [(0_u64, 0.0, 0.0); BINS];
    for (row, &label) in probabilities.rows().zip(labels) {
        let label = label as usize;
        let (class, confidence) = predicted(row);
        confusion[label][class] += 1;
        loss -= f64::from(row[label]).clamp(1e-7, 1.0).ln();
        let (count, confidences, right) = &mut sums[((confidence * BINS as f64) as usize).min(BINS - 1)];
        *count += 1;
        *confidences += confidence;
        *right += f64::from(u8::from(class == label));
    }
    let rows = labels.len().max(1) as f64;
    let right: u64 = (0..classes).map(|class| confusion[class][class]).sum();
    let accuracy = right as f64 / rows;
    let reliability: Vec<ReliabilityBin> = sums
        .iter()
        .enumerate()
        .map(|(bin, &(count, confidences, right))| ReliabilityBin {
            lower: bin as f64 / BINS as f64,
            upper: (bin + 1) as f64 / BINS as f64,
            count,
            confidence: confidences / count.max(1) as f64,
            accuracy: right / count.max(1) as f64,
        })
        .collect();
    let gaps = reliability.iter().map(|bin| (bin.confidence - bin.accuracy).abs() * bin.count as f64);
    let expected_calibration_error = Some(gaps.sum::<f64>() / rows);
    Evaluation {
        split: split.to_owned(),
        per_class: (0..classes).map(|class| class_metrics(&confusion, class)).collect(),
        accuracy,
        accuracy_interval: Some(wilson(accuracy, rows)),
        loss: loss / rows,
        auc: None,
        expected_calibration_error,
        reliability,
        confusion,
    }
}

fn class_metrics(confusion: &[Vec<u64>], class: usize) -> ClassMetrics {
    let hits = confusion[class][class];
    let support: u64 = confusion[class].iter().sum();
    let predicted: u64 = confusion.iter().map(|row| row[class]).sum();
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    ClassMetrics {
        precision: ratio(hits, predicted),
        recall: ratio(hits, support),
        f1: ratio(2 * hits, support + predicted),
        support,
    }
}

/// E. Wilson's score interval of a share (1927), at 95 %.
fn wilson(share: f64, rows: f64) -> [f64; 2] {
    let spread = Z * Z / rows;
    let middle = (share + spread / 2.0) / (1.0 + spread);
    let half = Z * ((share * (1.0 - share) + spread / 4.0) / rows).sqrt() / (1.0 + spread);
    [(middle - half).max(0.0), (middle + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_small_evaluation() {
        let values = vec![0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.3, 0.7];
        let probabilities = Probabilities::new(values, 2).unwrap();
        let evaluation = evaluate("validation", &[0, 0, 1, 1], &probabilities);
        assert_eq!(evaluation.confusion, [[1, 1], [0, 2]]);
        assert_eq!(evaluation.accuracy, 0.75);
        assert_eq!(evaluation.per_class[0].recall, Some(0.5));
        assert_eq!(evaluation.per_class[1].f1, Some(0.8));
        let expected = -(0.9_f64.ln() + 0.4_f64.ln() + 0.8_f64.ln() + 0.7_f64.ln()) / 4.0;
        assert!((evaluation.loss - expected).abs() < 1e-6);
        // scipy's binomtest(3, 4).proportion_ci(method="wilson")
        let [low, high] = evaluation.accuracy_interval.unwrap();
        assert!((low - 0.300_641_84).abs() < 1e-6 && (high - 0.954_412_7).abs() < 1e-6, "{low} {high}");
    }
}
