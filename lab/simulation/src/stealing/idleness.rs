//! Which workers sleep and which search. tokio wakes none while one searches, and lets at most half of them search.

pub(super) struct Idleness {
    workers: usize,
    searching: usize,
    /// The one that went to sleep last is woken first.
    sleepers: Vec<u32>,
    is_lying: Vec<bool>,
}

impl Idleness {
    pub(super) fn all_asleep(workers: usize) -> Self {
        Self {
            workers,
            searching: 0,
            sleepers: (0..workers as u32).collect(),
            is_lying: vec![true; workers],
        }
    }

    /// From now on that sleeper counts as awake and searching.
    pub(super) fn sleeper_to_wake(&mut self) -> Option<u32> {
        if self.searching > 0 {
            return None;
        }
        let sleeper = self.sleepers.pop()?;
        self.is_lying[sleeper as usize] = false;
        self.searching += 1;
        Some(sleeper)
    }

    pub(super) fn is_lying(&self, worker: u32) -> bool {
        self.is_lying[worker as usize]
    }

    /// Of its own accord. False if another worker had woken it.
    pub(super) fn get_up(&mut self, worker: u32) -> bool {
        let was_lying = std::mem::take(&mut self.is_lying[worker as usize]);
        if was_lying && let Some(at) = self.sleepers.iter().position(|&one| one == worker) {
            self.sleepers.swap_remove(at);
        }
        was_lying
    }

    /// True if this was the last one that searched.
    pub(super) fn lie_down(&mut self, worker: u32, was_searching: bool) -> bool {
        self.sleepers.push(worker);
        self.is_lying[worker as usize] = true;
        was_searching && self.end_search()
    }

    /// False if enough others search.
    pub(super) fn begin_search(&mut self) -> bool {
        let may = 2 * self.searching < self.workers;
        self.searching += usize::from(may);
        may
    }

    /// True if this was the last one.
    pub(super) fn end_search(&mut self) -> bool {
        self.searching = self.searching.saturating_sub(1);
        self.searching == 0
    }
}
