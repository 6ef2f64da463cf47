//! The machine and the day, as far as figures depend on them. Nothing here says whose machine it is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Where and when a run was made.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    memory_gib: Option<u64>,
    caches: String,
    system: String,
    rustc: String,
    commit: String,
}

impl Machine {
    pub(crate) fn here(root: &Path) -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let says = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(root).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let unknown = || "unknown".to_owned();
        let cpuinfo = file("/proc/cpuinfo");
        let kibibytes = field(&file("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let dirty = says("git", &["status", "--porcelain", "--untracked-files=no"])
            .is_some_and(|text| !text.is_empty());
        let commit = says("git", &["rev-parse", "--short=12", "HEAD"]);
        Self {
            date: date(SystemTime::now()),
            cpu: field(&cpuinfo, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kibibytes.map(|kibibytes| (kibibytes + (1 << 19)) >> 20),
            caches: caches(),
            system: says("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.to_owned()),
            rustc: says("rustc", &["--version"]).unwrap_or_else(unknown),
            commit: commit
                .map_or_else(unknown, |commit| if dirty { format!("{commit}, changed") } else { commit }),
        }
    }

    /// One line for people.
    pub(crate) fn sentence(&self) -> String {
        let memory = self.memory_gib.map_or(String::new(), |memory| format!(", {memory} GiB"));
        let caches = if self.caches.is_empty() { String::new() } else { format!(", {}", self.caches) };
        let Self { date, cpu, cores, system, rustc, commit, .. } = self;
        format!("{date}; {cpu}, {cores} cores{caches}{memory}; {system}; {rustc}; commit {commit}")
    }

    pub(crate) fn record(&self) -> Value {
        json!({
            "cpu": self.cpu, "cores": self.cores, "caches": self.caches, "memory_gib": self.memory_gib,
            "system": self.system, "rustc": self.rustc,
        })
    }

    pub(crate) fn commit(&self) -> &str {
        &self.commit
    }

    /// The name of a run's files: the day and the CPU.
    pub(crate) fn slug(&self) -> String {
        let words = self.cpu.to_lowercase();
        let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        // Trade marks and the number of cores are left out.
        let words = words.filter(|word| !["r", "tm", "cpu", "processor", "core"].contains(word));
        let words: Vec<&str> = words.take(4).collect();
        format!("{}-{}", self.date, words.join("-"))
    }
}

/// The value of `name : value` on one of the lines.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The first core's caches, as Linux lists them.
fn caches() -> String {
    let read = |index: usize, what: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let cache = |index: usize| {
        let (level, kind, size) = (read(index, "level")?, read(index, "type")?, read(index, "size")?);
        (kind != "Instruction").then(|| format!("L{level} {size}"))
    };
    (0..8).filter_map(cache).collect::<Vec<_>>().join(" ")
}

/// The day in UTC, 2026-11-24.
fn date(time: SystemTime) -> String {
    let days = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_told_as_the_calendar_has_them() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_225_599, "2025-12-31"),
            (1_795_507_200, "2026-11-24"),
        ] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), day);
        }
    }

    #[test]
    fn a_run_is_named_after_the_day_and_the_cpu() {
        let mut machine = Machine::here(&crate::workspace_root().unwrap());
        machine.date = "2026-11-24".to_owned();
        machine.cpu = "Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz".to_owned();
        assert_eq!(machine.slug(), "2026-11-24-intel-xeon-platinum-8488c");
    }
}
