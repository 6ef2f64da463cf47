//! Which shard of a folder a process is to extract, as a flag says or the cluster's scheduler.

use std::str::FromStr;

use crate::outcome::Fault;

/// What `--shard` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardChoice {
    /// None where the scheduler tells.
    index: Option<u32>,
    count: Option<u32>,
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("expected I/N with I from 0 to N-1, auto/N or auto, found {text}");
        let (index, count) = match text.split_once('/') {
            None if text == "auto" => return Ok(Self { index: None, count: None }),
            None => return Err(bad()),
            Some((index, count)) => (index, count.parse().map_err(|_| bad())?),
        };
        let index = if index == "auto" { None } else { Some(index.parse().map_err(|_| bad())?) };
        match index.map_or(count > 0, |index: u32| index < count) {
            true => Ok(Self { index, count: Some(count) }),
            false => Err(bad()),
        }
    }
}

impl ShardChoice {
    /// The shard's index and the number of shards; `variable` looks up the environment.
    ///
    /// A SLURM array may number its tasks from any number on; its least one is the first shard.
    pub(crate) fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<[u32; 2]> {
        let number = |name: &str| -> anyhow::Result<Option<u32>> {
            let Some(text) = variable(name) else { return Ok(None) };
            let bad = || Fault::Usage(format!("--shard: expected a number in {name}, found {text:?}"));
            Ok(Some(text.trim().parse().map_err(|_| bad())?))
        };
        let missing = |what: &str, names: &str| {
            Fault::Usage(format!("--shard: expected {what} as --shard I/N or in {names}, found neither"))
        };
        let count = match self.count {
            Some(count) => count,
            None => number("SLURM_ARRAY_TASK_COUNT")?
                .ok_or_else(|| missing("the number of shards", "SLURM_ARRAY_TASK_COUNT"))?,
        };
        let index = match (self.index, number("SLURM_ARRAY_TASK_ID")?) {
            (Some(index), _) => index,
            (None, Some(task)) => {
                let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
                task.checked_sub(least).unwrap_or(u32::MAX)
            }
            (None, None) => number("JOB_COMPLETION_INDEX")?
                .ok_or_else(|| missing("the shard's index", "SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX"))?,
        };
        if index < count {
            return Ok([index, count]);
        }
        Err(Fault::Usage(format!(
            "--shard: expected an index below {count}, the number of shards, found {index}"
        ))
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flag: &str, variables: &[(&str, &str)]) -> Result<[u32; 2], String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        flag.parse::<ShardChoice>()?.resolve(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flag_goes_before_the_scheduler() {
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_MIN", "5"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert_eq!(resolve("1/3", &slurm), Ok([1, 3]));
        assert_eq!(resolve("auto", &slurm), Ok([2, 4]));
        assert_eq!(resolve("auto/8", &slurm), Ok([2, 8]));
        assert_eq!(resolve("auto/8", &[("JOB_COMPLETION_INDEX", "3")]), Ok([3, 8]));
    }

    #[test]
    fn what_does_not_name_a_shard_is_told() {
        for text in ["", "3", "3/3", "0/0", "auto/0", "-1/3", "1/x", "1/2/3"] {
            assert!(resolve(text, &[]).is_err_and(|why| why.contains("expected I/N")), "{text}");
        }
        let says = |flag, variables: &[_], text: &str| {
            let error = resolve(flag, variables).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        says("auto", &[], "SLURM_ARRAY_TASK_COUNT");
        says("auto/2", &[], "JOB_COMPLETION_INDEX");
        says("auto/2", &[("JOB_COMPLETION_INDEX", "2")], "below 2");
        says("auto/2", &[("JOB_COMPLETION_INDEX", "two")], "expected a number");
        says("auto/2", &[("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_MIN", "3")], "below 2");
    }
}
