//! Which cores this process may use, and how many shards fit them. Knows nothing of sockets.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

/// The cores that affinity and cgroup leave to this process.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowedCores {
    /// Numbers of the cores in the process's affinity mask; empty where it cannot be read.
    pub cores: Vec<usize>,
    /// CPU quota of the cgroup in cores (1.5 is one and a half), where there is one.
    pub quota: Option<f64>,
}

impl AllowedCores {
    /// One shard per allowed core, but no more than the quota pays for: throttled shards cause slow answers.
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

/// The cores that a thread may run on.
pub(crate) struct Affinity(Option<Mask>);

#[cfg(target_os = "linux")]
type Mask = libc::cpu_set_t;
/// Elsewhere a thread is not bound for good.
#[cfg(not(target_os = "linux"))]
type Mask = std::convert::Infallible;

impl Affinity {
    pub(crate) fn of_this_thread() -> Affinity {
        #[cfg(target_os = "linux")]
        {
            let mut mask = std::mem::MaybeUninit::<Mask>::zeroed();
            // SAFETY: 0 is the calling thread, and the kernel writes no more than the size that it is told.
            let read = unsafe { libc::sched_getaffinity(0, size_of::<Mask>(), mask.as_mut_ptr()) };
            // SAFETY: a mask of zeros is one as well.
            Affinity((read == 0).then(|| unsafe { mask.assume_init() }))
        }
        #[cfg(not(target_os = "linux"))]
        Affinity(None)
    }

    /// Puts the calling thread where it was. Does nothing where that is not known.
    pub(crate) fn restore(&self) {
        #[cfg(target_os = "linux")]
        if let Some(mask) = &self.0 {
            // SAFETY: 0 is the calling thread, and the kernel reads what is there.
            unsafe { libc::sched_setaffinity(0, size_of::<Mask>(), mask) };
        }
    }
}

fn cgroup_quota() -> Option<f64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounted = Path::new("/sys/fs/cgroup");
    quota_v2(&membership, mounted).or_else(|| quota_v1(&membership, mounted))
}

fn quota_v2(membership: &str, mounted: &Path) -> Option<f64> {
    let own = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::"))?;
    smallest_quota(mounted, own, |folder| {
        parse_cpu_max(&fs::read_to_string(folder.join("cpu.max")).ok()?)
    })
}

fn quota_v1(membership: &str, mounted: &Path) -> Option<f64> {
    let own = membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let controllers = fields.nth(1)?;
        controllers
            .split(',')
            .any(|name| name == "cpu")
            .then(|| fields.next())?
    })?;
    smallest_quota(&mounted.join("cpu"), own, |folder| {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        parse_cpu_max(&format!(
            "{} {}",
            read("cpu.cfs_quota_us")?.trim(),
            read("cpu.cfs_period_us")?.trim()
        ))
    })
}

/// The smallest quota on the way from our cgroup up to the root: a parent's limit binds its children. Inside a container
/// the host's path may not be mounted; what limits the container then stands at the root.
fn smallest_quota(root: &Path, own: &str, quota_of: impl Fn(&Path) -> Option<f64>) -> Option<f64> {
    Path::new(own.trim_matches('/'))
        .ancestors()
        .filter_map(|path| quota_of(&root.join(path)))
        .reduce(f64::min)
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
    #[cfg(target_os = "linux")]
    fn a_thread_that_was_pinned_goes_back_to_where_it_was() {
        let before = Affinity::of_this_thread();
        let all = allowed_cores().cores;
        assert!(pin_current_thread(all[0]));
        assert_eq!(allowed_cores().cores, all[..1]);
        before.restore();
        assert_eq!(allowed_cores().cores, all);
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

    /// A tree of cgroups as the kernel shows it, in a folder that is removed when it is dropped.
    struct Tree(std::path::PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Tree {
            let root = std::env::temp_dir().join(format!("cgroups-{name}-{}", std::process::id()));
            for (path, text) in files {
                let file = root.join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Tree(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_quota_of_a_parent_binds_in_both_versions_and_the_smallest_counts() {
        let v1 = Tree::new(
            "v1",
            &[
                ("cpu/cpu.cfs_quota_us", "-1\n"),
                ("cpu/cpu.cfs_period_us", "100000\n"),
                ("cpu/slice/cpu.cfs_quota_us", "150000\n"),
                ("cpu/slice/cpu.cfs_period_us", "100000\n"),
                ("cpu/slice/own/cpu.cfs_quota_us", "-1\n"),
                ("cpu/slice/own/cpu.cfs_period_us", "100000\n"),
                ("cpu/slice/tight/cpu.cfs_quota_us", "50000\n"),
                ("cpu/slice/tight/cpu.cfs_period_us", "100000\n"),
            ],
        );
        let of_v1 = |own: &str| quota_v1(&format!("5:memory:/\n4:cpu,cpuacct:{own}\n"), &v1.0);
        assert_eq!(of_v1("/slice/own"), Some(1.5));
        assert_eq!(of_v1("/slice/tight"), Some(0.5));
        assert_eq!(of_v1("/"), None);
        let v2 = Tree::new(
            "v2",
            &[
                ("slice/cpu.max", "150000 100000\n"),
                ("slice/own/cpu.max", "max 100000\n"),
            ],
        );
        assert_eq!(quota_v2("0::/slice/own\n", &v2.0), Some(1.5));
        assert_eq!(quota_v2("0::/\n", &v2.0), None);
    }

    #[test]
    fn the_root_counts_where_the_path_of_a_container_is_not_mounted() {
        let inside = Tree::new(
            "container",
            &[
                ("cpu/cpu.cfs_quota_us", "200000\n"),
                ("cpu/cpu.cfs_period_us", "100000\n"),
            ],
        );
        let membership = "4:cpu,cpuacct:/docker/0123abc\n";
        assert_eq!(quota_v1(membership, &inside.0), Some(2.0));
    }

    #[test]
    fn this_machine_has_a_core() {
        assert!(!allowed_cores().cores.is_empty());
    }
}
