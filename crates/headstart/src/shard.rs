//! Which shard of a folder a process extracts, as a person or the cluster's scheduler says.

use std::str::FromStr;

use crate::{Error, ParseError};

/// A shard as a person writes it: `I/N` with I from 0 to N-1, `auto/N`, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardChoice {
    /// None where the scheduler says it.
    index: Option<u32>,
    count: Option<u32>,
}

impl FromStr for ShardChoice {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError(format!("expected I/N with I from 0 to N-1, auto/N or auto, found {text}"));
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
    /// The shard's index and the number of shards. `variable` looks up the environment, as `std::env::var` does.
    ///
    /// `auto` takes both from a SLURM array (`SLURM_ARRAY_TASK_ID`, `_MIN`, `_COUNT`), `auto/N` the index from a Kubernetes
    /// job too (`JOB_COMPLETION_INDEX`). A SLURM array may begin at any number; its lowest task is the first shard.
    ///
    /// # Errors
    /// A variable that is not set or holds no number; an index that is not below the number of shards.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<[u32; 2], Error> {
        let number = |name: &str| -> Result<Option<u32>, Error> {
            let Some(text) = variable(name) else { return Ok(None) };
            let bad = || Error::setting("shard", format!("expected a number in {name}, found {text:?}"));
            Ok(Some(text.trim().parse().map_err(|_| bad())?))
        };
        let missing = |what: &str, names: &str| {
            Error::setting("shard", format!("expected {what} as I/N or in {names}, found neither"))
        };
        let count = match self.count {
            Some(count) => count,
            None => number("SLURM_ARRAY_TASK_COUNT")?
                .ok_or_else(|| missing("the number of shards", "SLURM_ARRAY_TASK_COUNT"))?,
        };
        let of_scheduler = || match number("SLURM_ARRAY_TASK_ID")? {
            Some(task) => {
                let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
                Ok(task.checked_sub(least).unwrap_or(u32::MAX))
            }
            None => number("JOB_COMPLETION_INDEX")?
                .ok_or_else(|| missing("the shard's index", "SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX")),
        };
        let index = self.index.map_or_else(of_scheduler, Ok)?;
        if index < count {
            return Ok([index, count]);
        }
        let expected = format!("expected an index below {count}, the number of shards, found {index}");
        Err(Error::setting("shard", expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flag: &str, variables: &[(&str, &str)]) -> Result<[u32; 2], String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let choice: ShardChoice = flag.parse().map_err(|error: ParseError| error.to_string())?;
        choice.resolve(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flag_goes_before_the_scheduler() {
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_MIN", "5"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert_eq!(resolve("1/3", &slurm), Ok([1, 3]));
        assert_eq!(resolve("1/3", &[("SLURM_ARRAY_TASK_ID", "none")]), Ok([1, 3]), "it is not looked at");
        assert_eq!(resolve("1/3", &[("SLURM_ARRAY_TASK_ID", "none")]), Ok([1, 3]), "it is not looked at");
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
