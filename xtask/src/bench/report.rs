//! The results of a run: the table for people, the record for programs.

use serde_json::{Value, json};

use super::machine::Machine;
use super::plan::Kind;
use super::row::{Row, median, spread};
use super::table::{figure, table, threads};

/// A contestant that took part.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) settings: String,
}

/// The times of headstart's layers in a pass of one batch.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) network: &'static str,
    pub(crate) side: usize,
    pub(crate) batch: usize,
    /// As the contestant gave them: name, method, seconds, multiply_adds, direct_multiply_adds.
    pub(crate) layers: Vec<Value>,
}

/// FMA peaks in GFLOP/s, measured before and after everything else.
#[derive(Debug, Clone)]
pub(crate) struct Peaks {
    pub(crate) threads: usize,
    pub(crate) gflops: Vec<f64>,
}

impl Peaks {
    /// Disturbances make a measured peak too low, never too high.
    fn highest(&self) -> f64 {
        self.gflops.iter().copied().fold(0.0, f64::max)
    }
}

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) kind: Kind,
    pub(crate) seconds: f64,
    pub(crate) present: Vec<Present>,
    /// The name of each, with the reason.
    pub(crate) left_out: Vec<(&'static str, String)>,
    /// The reference that errors are measured against.
    pub(crate) reference: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) peaks: Vec<Peaks>,
    /// With the most threads.
    pub(crate) layers: Vec<Layers>,
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let flag = self.kind.word().map(|word| format!(" --{word}")).unwrap_or_default();
        let (minutes, machine) = (self.seconds / 60.0, self.machine.sentence());
        let mut text = format!("`cargo xtask bench{flag}`, {minutes:.0} minutes, {machine}.\n\n");
        let errors = format!("Errors are against {}", self.reference);
        if self.kind == Kind::Accuracy {
            text += &format!(
                "{errors}, over all shipped images; the worst channel's is relative to its own reference over all of \
                 them.\n\n{}",
                self.figures()
            );
        } else {
            text += "Medians of rounds in which the contestants take turns; in brackets how many times as good \
                     headstart is, the median of the rounds' ratios.\n\n";
            text += &format!("{}\n{}\n\n{errors}.\n\n", self.figures(), self.noise());
        }
        text += &self.layer_times();
        text += "\nContestants:\n";
        for Present { name, version, settings } in &self.present {
            text += &format!("- {name} {version}: {settings}\n");
        }
        for (name, reason) in &self.left_out {
            text += &format!("- {name}: left out, {reason}\n");
        }
        text
    }

    fn figures(&self) -> String {
        let mut lines = vec![vec![String::new(), "threads".to_owned()]];
        lines[0].extend(self.present.iter().map(|present| present.name.to_owned()));
        for row in &self.rows {
            let cell = |contestant: usize| match (row.median(contestant), row.ratio(contestant)) {
                (Some(value), Some(ratio)) => format!("{} ({}x)", figure(value), figure(ratio)),
                (Some(value), None) => figure(value),
                (None, _) => "-".to_owned(),
            };
            let mut line = vec![format!("{}, {}", row.what, row.unit), row.threads.to_string()];
            line.extend((0..self.present.len()).map(cell));
            lines.push(line);
        }
        table(&lines)
    }

    /// How far the figures can be trusted.
    fn noise(&self) -> String {
        let spreads = self.rows.iter().flat_map(|row| {
            let of = move |contestant: usize| Some((row.spread(contestant)?, row, contestant));
            (0..self.present.len()).filter_map(of)
        });
        let mut spreads: Vec<_> = spreads.collect();
        spreads.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = spreads.iter().map(|spread| spread.0).collect();
        let (Some(middle), Some((worst, row, contestant))) = (median(&values), spreads.last()) else {
            return "Noise: unknown, for nothing was measured twice.".to_owned();
        };
        // Rounds follow each other closely. The peaks show what changed from the beginning to the end.
        let peaks = self.peaks.iter().filter_map(|peaks| spread(&peaks.gflops));
        let verdict = match peaks.fold(middle, f64::max) {
            ..0.03 => "a quiet machine",
            ..0.10 => "some noise: trust ratios more than figures",
            _ => "a noisy machine: trust the ratios, and repeat the run",
        };
        let (worst_of, what, with) = (self.present[*contestant].name, &row.what, threads(row.threads));
        let mut text = format!(
            "Noise: {verdict}. Rounds of one contestant lie {:.1} % apart in the middle case, {:.1} % in the worst \
             ({worst_of}, {what}, {with}).",
            100.0 * middle,
            100.0 * worst,
        );
        for peaks in &self.peaks {
            let (with, highest, times) = (threads(peaks.threads), peaks.highest(), peaks.gflops.len());
            let spread = 100.0 * spread(&peaks.gflops).unwrap_or(0.0);
            text += &format!(
                " FMA peak with {with}: {highest:.0} GFLOP/s, {spread:.1} % apart over {times} loops."
            );
        }
        text
    }

    /// headstart's layers: how they are computed, how long, and at which share of the FMA peak.
    fn layer_times(&self) -> String {
        let Some(peaks) = self.peaks.iter().max_by_key(|peaks| peaks.threads) else { return String::new() };
        if self.layers.is_empty() {
            return String::new();
        }
        let tables = self.layers.chunk_by(|one, next| one.network == next.network);
        let tables: Vec<String> = tables.map(|layers| layer_table(layers, 1e9 * peaks.highest())).collect();
        format!(
            "headstart's layers with {}: how, time for the batch, and the multiply-adds of that method as a share of \
             the FMA peak; those with zeros count, which are left out.\n\n{}",
            threads(peaks.threads),
            tables.join("\n")
        )
    }

    /// As benches/README.md documents it.
    pub(crate) fn record(&self) -> Value {
        let present = self.present.iter().map(|present| {
            json!({ "name": present.name, "version": present.version, "settings": present.settings })
        });
        let left_out = self.left_out.iter().map(|(name, reason)| json!({ "name": name, "reason": reason }));
        let rows = self.rows.iter().map(|row| {
            let rounds = self.present.iter().zip(&row.rounds);
            let rounds: serde_json::Map<String, Value> =
                rounds.map(|(present, rounds)| (present.name.to_owned(), json!(rounds))).collect();
            json!({ "what": row.what, "unit": row.unit, "threads": row.threads, "rounds": rounds })
        });
        let peaks =
            self.peaks.iter().map(|peaks| json!({ "threads": peaks.threads, "gflops": peaks.gflops }));
        let layers = self
            .layers
            .iter()
            .map(|Layers { network, side, batch, layers }| {
                json!({ "network": network, "side": side, "batch": batch, "layers": layers })
            });
        json!({
            "format": 1,
            "date": self.machine.date,
            "commit": self.machine.commit(),
            "quick": self.kind == Kind::Quick,
            "accuracy": self.kind == Kind::Accuracy,
            "seconds": self.seconds,
            "machine": self.machine.record(),
            "contestants": present.collect::<Vec<_>>(),
            "left_out": left_out.collect::<Vec<_>>(),
            "reference": self.reference,
            "rows": rows.collect::<Vec<_>>(),
            "peaks": peaks.collect::<Vec<_>>(),
            "layers": layers.collect::<Vec<_>>(),
        })
    }
}

/// The layers of one network, a column for each batch. `peak` is in FLOP/s.
fn layer_table(columns: &[Layers], peak: f64) -> String {
    let number = |layer: &Value, name: &str| layer[name].as_f64().unwrap_or(f64::NAN);
    let text = |layer: &Value, name: &str| layer[name].as_str().unwrap_or_default().to_owned();
    let cell = |method: &str, seconds: f64, multiply_adds: f64| {
        let share = 100.0 * 2.0 * multiply_adds / seconds / peak;
        format!("{method} {} ms, {share:.0} %", figure(1e3 * seconds))
    };
    let mut names = vec![String::new()];
    let mut cells = Vec::new();
    for (index, Layers { network, side, batch, layers }) in columns.iter().enumerate() {
        if index == 0 {
            names = vec![(*network).to_owned()];
            names.extend(layers.iter().map(|layer| text(layer, "name")));
            names.push("all".to_owned());
        }
        let mut column = vec![format!("{side} x {side}, batch {batch}")];
        let (mut seconds, mut multiply_adds) = (0.0, 0.0);
        for layer in layers {
            let (layer_seconds, done) = (number(layer, "seconds"), number(layer, "multiply_adds"));
            column.push(cell(&text(layer, "method"), layer_seconds, done));
            seconds += layer_seconds;
            multiply_adds += done;
        }
        column.push(cell("", seconds, multiply_adds).trim_start().to_owned());
        cells.push(column);
    }
    let line = |index: usize| {
        let cells = cells.iter().map(|column: &Vec<String>| column.get(index).cloned().unwrap_or_default());
        [names[index].clone()].into_iter().chain(cells).collect()
    };
    table(&(0..names.len()).map(line).collect::<Vec<Vec<String>>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::Better;

    fn report() -> Report {
        let present = |name| Present { name, version: "1".to_owned(), settings: "f32".to_owned() };
        let row = |what: &str, better, rounds: [&[f64]; 2]| Row {
            what: what.to_owned(),
            unit: "images/s",
            better,
            threads: 2,
            rounds: rounds.map(<[f64]>::to_vec).to_vec(),
        };
        let layer =
            json!({ "name": "block1_conv1", "method": "direct", "seconds": 0.1, "multiply_adds": 2.75e9 });
        Report {
            machine: Machine::here(&crate::workspace_root().unwrap()),
            kind: Kind::Whole,
            seconds: 60.0,
            present: vec![present("headstart"), present("mnn")],
            left_out: vec![("ncnn", "No module named 'ncnn'".to_owned())],
            reference: "pytorch-f64".to_owned(),
            rows: vec![
                row("base", Better::Higher, [&[40.0, 44.0], &[20.0, 22.0]]),
                row("head", Better::Lower, [&[0.5, 0.5], &[]]),
            ],
            peaks: vec![Peaks { threads: 2, gflops: vec![90.0, 110.0] }],
            layers: vec![Layers { network: "conv base", side: 150, batch: 8, layers: vec![layer] }],
        }
    }

    #[test]
    fn the_table_holds_medians_ratios_and_gaps() {
        let text = report().markdown();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().replace("  ", "");
        assert_eq!(line("| base"), "| base, images/s | 2 |42.0 | 21.0 (2.00x) |");
        assert!(line("| head").ends_with("- |"), "{text}");
        assert!(text.contains("- ncnn: left out, No module named 'ncnn'\n"), "{text}");
    }

    #[test]
    fn noise_names_the_worst_case_and_the_peak() {
        let noise = report().noise();
        assert!(noise.contains("a noisy machine"), "{noise}");
        assert!(noise.contains("9.5 % apart in the middle case, 9.5 % in the worst (mnn, base"), "{noise}");
        assert!(noise.contains("FMA peak with 2 threads: 110 GFLOP/s, 20.0 % apart over 2 loops"), "{noise}");
    }

    #[test]
    fn a_layer_is_told_as_a_share_of_the_peak() {
        // 2.75e9 multiply-adds in 0.1 s are 55 GFLOP/s of 110.
        let layers = report().layer_times();
        assert!(layers.contains("| block1_conv1 | direct 100 ms, 50 % |"), "{layers}");
        assert!(layers.contains("| all          |        100 ms, 50 % |"), "{layers}");
    }

    #[test]
    fn the_record_has_every_round_by_contestant() {
        let record = report().record();
        assert_eq!(record["rows"][0]["rounds"]["mnn"], json!([20.0, 22.0]));
        assert_eq!(record["rows"][1]["rounds"]["mnn"], json!([]));
        assert_eq!(record["left_out"][0]["name"], "ncnn");
    }
}
