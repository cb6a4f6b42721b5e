//! Memory that several cores write: the writing core has it alone meanwhile, and the others wait for it in turn.

#[derive(Default)]
pub(crate) struct SharedLine {
    owner: Option<u32>,
    free_at: u64,
}

impl SharedLine {
    /// What it costs `core` to write it at `start`, if that takes `hold` for a line that another core had. The core
    /// that had it last has it in its cache.
    pub(crate) fn write(&mut self, core: u32, start: u64, hold: u64) -> u64 {
        if self.owner == Some(core) {
            return 0;
        }
        let until = self.free_at.max(start) + hold;
        self.free_at = until;
        self.owner = Some(core);
        until - start
    }
}
