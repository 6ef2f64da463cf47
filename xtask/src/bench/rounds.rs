//! Contestants take turns, so a disturbance of the machine affects all of them alike.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::plan::Pace;
use super::row::median;

/// The pause between two contestants, because some threads spin for a while after their work.
const PAUSE: Duration = Duration::from_millis(50);

/// Contestants in the order of a round: each round begins with another.
pub(crate) fn order(contestants: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..contestants).map(move |place| (place + round) % contestants)
}

/// For each contestant, the median seconds of a call in each round.
///
/// `measure(contestant, seconds)` repeats a call for this long and returns the seconds of each; 0 asks for one call. The first
/// call warms up. A contestant that fails is reported and has no further rounds.
pub(crate) fn interleaved(
    contestants: usize,
    pace: Pace,
    mut measure: impl FnMut(usize, f64) -> anyhow::Result<Vec<f64>>,
) -> Vec<Vec<f64>> {
    let mut rounds = vec![Vec::new(); contestants];
    let mut goes_on = vec![true; contestants];
    let mut call = |contestant: usize, seconds: f64| {
        sleep(PAUSE);
        match measure(contestant, seconds) {
            Ok(times) => median(&times),
            Err(error) => {
                eprintln!("not measured: {error:#}");
                None
            }
        }
    };
    for contestant in 0..contestants {
        let first = call(contestant, 0.0);
        goes_on[contestant] = first.is_some_and(|seconds| seconds <= pace.patience);
        if !goes_on[contestant] {
            rounds[contestant].extend(first);
        }
    }
    let begin = Instant::now();
    for round in 0..pace.most_rounds {
        if round >= pace.least_rounds && begin.elapsed().as_secs_f64() > pace.seconds {
            break;
        }
        for contestant in order(contestants, round) {
            if goes_on[contestant] {
                let seconds = call(contestant, pace.slice);
                goes_on[contestant] = seconds.is_some();
                rounds[contestant].extend(seconds);
            }
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    const PACE: Pace = Pace { slice: 0.5, least_rounds: 2, most_rounds: 3, seconds: 0.0, patience: 8.0 };

    #[test]
    fn each_round_begins_with_another_contestant() {
        assert_eq!(order(3, 1).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(order(3, 5).collect::<Vec<_>>(), [2, 0, 1]);
    }

    #[test]
    fn contestants_take_turns_after_a_call_that_warms_up() {
        let mut calls = Vec::new();
        let rounds = interleaved(2, PACE, |contestant, seconds| {
            calls.push((contestant, seconds));
            Ok(vec![1.0, 3.0])
        });
        assert_eq!(rounds, [[2.0, 2.0], [2.0, 2.0]]);
        assert_eq!(calls, [(0, 0.0), (1, 0.0), (0, 0.5), (1, 0.5), (1, 0.5), (0, 0.5)]);
    }

    #[test]
    fn a_slow_contestant_is_called_once_and_a_failing_one_left_out() {
        let rounds = interleaved(3, PACE, |contestant, _| match contestant {
            0 => Ok(vec![1.0]),
            1 => Ok(vec![9.0]),
            _ => bail!("expected to fail"),
        });
        assert_eq!(rounds, [vec![1.0, 1.0], vec![9.0], vec![]]);
    }
}
