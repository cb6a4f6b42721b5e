//! Which cores this process may use, and how many shards fit them. Knows nothing of sockets.

use std::fs;
use std::num::NonZeroUsize;

/// The cores that affinity and cgroup leave to this process.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowedCores {
    /// Numbers of the cores in the process's affinity mask; empty where it cannot be read.
    pub cores: Vec<usize>,
    /// CPU quota of the cgroup in cores (1.5 is one and a half), where there is one.
    pub quota: Option<f64>,
}

impl AllowedCores {
    /// One shard per allowed core, but no more than the quota pays for: shards that are throttled in turn make tails.
    pub fn default_shards(&self) -> NonZeroUsize {
        let cores = self.cores.len().max(1);
        // A quota is at least 1 % of a core, so its ceiling is 1 or more; `as` saturates.
        let paid_for = self.quota.map_or(cores, |quota| quota.ceil() as usize);
        NonZeroUsize::new(cores.min(paid_for)).unwrap_or(NonZeroUsize::MIN)
    }

    /// The core of shard `index`: shards beyond the cores share them in turn.
    pub fn core_of(&self, index: usize) -> Option<usize> {
        if self.cores.is_empty() {
            None
        } else {
            Some(self.cores[index % self.cores.len()])
        }
    }
}

/// Reads the affinity mask and the cgroup's quota (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`).
pub fn allowed_cores() -> AllowedCores {
    let cores = core_affinity::get_core_ids()
        .unwrap_or_default()
        .into_iter()
        .map(|core| core.id)
        .collect();
    AllowedCores {
        cores,
        quota: cgroup_quota(),
    }
}

/// Pins the calling thread to `core`. Returns whether the kernel agreed.
pub(crate) fn pin_current_thread(core: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: core })
}

fn cgroup_quota() -> Option<f64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    quota_v2(&membership).or_else(|| quota_v1(&membership))
}

/// The smallest quota on the way from our cgroup up to the root: a parent's limit binds its children.
fn quota_v2(membership: &str) -> Option<f64> {
    let own = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::"))?;
    let mut path = own.trim_end_matches('/');
    let mut smallest: Option<f64> = None;
    loop {
        if let Ok(text) = fs::read_to_string(format!("/sys/fs/cgroup{path}/cpu.max"))
            && let Some(quota) = parse_cpu_max(&text)
        {
            smallest = Some(smallest.map_or(quota, |known| known.min(quota)));
        }
        let Some(slash) = path.rfind('/') else {
            return smallest;
        };
        path = &path[..slash];
    }
}

fn quota_v1(membership: &str) -> Option<f64> {
    let own = membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let controllers = fields.nth(1)?;
        controllers
            .split(',')
            .any(|name| name == "cpu")
            .then(|| fields.next())?
    })?;
    // Inside a container the path of the host is not mounted; its own limit then stands at the root.
    [own, ""].iter().find_map(|path| {
        let read = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/cpu{path}/{name}")).ok();
        parse_cpu_max(&format!(
            "{} {}",
            read("cpu.cfs_quota_us")?.trim(),
            read("cpu.cfs_period_us")?.trim()
        ))
    })
}

/// `max 100000`, `-1 100000`: no limit; `150000 100000`: one and a half cores.
fn parse_cpu_max(text: &str) -> Option<f64> {
    let mut fields = text.split_whitespace();
    let quota: f64 = fields.next()?.parse().ok()?;
    let period: f64 = fields.next()?.parse().ok()?;
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(cores: &[usize], quota: Option<f64>) -> AllowedCores {
        AllowedCores {
            cores: cores.to_vec(),
            quota,
        }
    }

    #[test]
    fn a_quota_lowers_the_number_of_shards_and_rounds_up() {
        assert_eq!(allowed(&[0, 1, 2, 3], None).default_shards().get(), 4);
        assert_eq!(allowed(&[0, 1, 2, 3], Some(1.5)).default_shards().get(), 2);
        assert_eq!(allowed(&[0, 1], Some(64.0)).default_shards().get(), 2);
        assert_eq!(allowed(&[0, 1], Some(0.1)).default_shards().get(), 1);
        assert_eq!(allowed(&[], None).default_shards().get(), 1);
    }

    #[test]
    fn shards_beyond_the_cores_share_them_in_turn() {
        let cores = allowed(&[2, 5], None);
        let placed: Vec<_> = (0..5).map(|index| cores.core_of(index)).collect();
        assert_eq!(placed, [Some(2), Some(5), Some(2), Some(5), Some(2)]);
        assert_eq!(allowed(&[], None).core_of(0), None);
    }

    #[test]
    fn cpu_max_is_read_as_cores() {
        assert_eq!(parse_cpu_max("max 100000"), None);
        assert_eq!(parse_cpu_max("-1 100000"), None);
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1.5));
        assert_eq!(parse_cpu_max(""), None);
    }

    #[test]
    fn this_machine_has_a_core() {
        assert!(!allowed_cores().cores.is_empty());
    }
}
