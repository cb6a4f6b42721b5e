//! What this process asks the kernel about itself: CPU time, its core, how many files it may open.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;

/// Files that we need besides the connections.
const FILES_BESIDES: u64 = 64;

/// CPU time that this thread has used so far, in user and kernel mode.
pub fn thread_cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        spent.tv_sec.cast_unsigned(),
        spent.tv_nsec.cast_unsigned() as u32,
    )
}

/// Time for which this thread could have run so far and had to wait for a core; zero where the kernel does not say.
pub fn thread_wait_time() -> Duration {
    let waited_ns = || -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    Duration::from_nanos(waited_ns().unwrap_or(0))
}

/// Keeps this thread, and those that it starts, on these cores.
pub fn pin(cores: &[usize]) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    for &core in cores {
        if core >= CpuSet::MAX_CPU {
            return Err(Failure::Usage(format!("there is no core {core}")));
        }
        set.set(core);
    }
    sched_setaffinity(None, &set)
        .map_err(|error| Failure::Usage(format!("cores {cores:?} cannot be used: {error}")))
}

/// Makes sure that `connections` can be open at once.
pub fn allow_files(connections: usize) -> Result<(), Failure> {
    let wanted = connections as u64 + FILES_BESIDES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        let maximum = limit.maximum.unwrap_or_default();
        return Err(Failure::Broken(format!(
            "{wanted} open files are needed and {maximum} allowed (ulimit -Hn)"
        )));
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        },
    )
    .map_err(|error| Failure::Broken(format!("the limit of open files cannot be raised: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_cpu_time() {
        let before = thread_cpu_time();
        let mut sum = 0_u64;
        while thread_cpu_time() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(thread_cpu_time() > before);
    }

    #[test]
    fn a_core_beyond_all_is_refused() {
        assert!(matches!(pin(&[1_000_000]), Err(Failure::Usage(_))));
    }

    #[test]
    fn more_files_than_any_kernel_allows_are_refused() {
        assert!(matches!(
            allow_files(usize::MAX / 2),
            Err(Failure::Broken(_))
        ));
    }
}
