//! Files that a thread has sent before: their heads, and the bytes of small ones. Knows no requests.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::io::{ReadWriteFlags, preadv2};

use crate::coding::{Accepted, ContentCoding};
use crate::files::directory::{Entry, FileState};
use crate::files::file_head::FileHead;
use crate::files::mount::FileMount;

/// Largest file that is kept in memory. A larger one is read as its client takes it.
pub(super) const FILE_KEPT_BYTES_MAX: u64 = 256 * 1024;
/// What a thread keeps of files at most: 16 MiB, whatever the number of mounts.
const CACHE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What a file costs beside its bytes: names, lines, a place in the table.
const ENTRY_BYTES: u64 = 2 * 1024;
/// For so long a file is taken to be as it was when it was looked at last.
const FRESH: Duration = Duration::from_secs(1);

/// The bytes of a small file, once somebody has read them.
pub(super) type Kept = Arc<OnceLock<Box<[u8]>>>;

/// A part of the bytes of a small file.
pub(super) struct KeptPart(Kept, Range<usize>);

impl AsRef<[u8]> for KeptPart {
    fn as_ref(&self) -> &[u8] {
        let bytes = self.0.get().map_or(&[][..], |bytes| bytes);
        &bytes[self.1.clone()]
    }
}

/// A file that can be sent.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) name: Box<[u8]>,
    pub(super) state: FileState,
    pub(super) head: FileHead,
    kept: Option<Kept>,
}

/// A file and what was compressed of it ahead of time.
#[derive(Debug)]
pub(super) struct FoundFile {
    plain: StoredFile,
    coded: [Option<StoredFile>; ContentCoding::ALL.len()],
    is_coded: bool,
}

/// What there is of a file on the disk.
#[derive(PartialEq)]
struct States {
    plain: FileState,
    coded: [Option<FileState>; ContentCoding::ALL.len()],
}

impl StoredFile {
    /// The bytes, if they are in memory.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.kept.as_ref()?.get().map(|bytes| &**bytes)
    }

    /// A part of the bytes, if they are in memory. They stay there for as long as it does.
    pub(super) fn kept_part(&self, part: &Range<u64>) -> Option<KeptPart> {
        self.bytes()?;
        let range = part.start as usize..part.end as usize;
        Some(KeptPart(self.to_keep()?, range))
    }

    /// Where the bytes go when they are read, if they are to be kept.
    pub(super) fn to_keep(&self) -> Option<Kept> {
        self.kept.clone()
    }

    fn kept_bytes(&self) -> u64 {
        ENTRY_BYTES + self.kept.as_ref().map_or(0, |_| self.state.length)
    }
}

impl FoundFile {
    fn of(mount: &FileMount, name: &[u8], states: &States) -> FoundFile {
        let is_coded = states.coded.iter().any(Option::is_some);
        let stored = |coding: Option<ContentCoding>, state: FileState| {
            let cache_control = &mount.settings.cache_control;
            StoredFile {
                name: file_name(name, coding),
                head: FileHead::of(name, &state, coding, is_coded, cache_control),
                kept: (state.length <= FILE_KEPT_BYTES_MAX).then(Kept::default),
                state,
            }
        };
        let found = FoundFile {
            plain: stored(None, states.plain),
            coded: ContentCoding::ALL.map(|coding| {
                states.coded[coding.index()].map(|state| stored(Some(coding), state))
            }),
            is_coded,
        };
        found.all().for_each(|file| keep_if_at_hand(mount, file));
        found
    }

    /// The file to send to a client that takes these codings.
    pub(super) fn chosen(&self, accepted: impl FnOnce() -> Accepted) -> &StoredFile {
        if !self.is_coded {
            return &self.plain;
        }
        let at_hand = ContentCoding::ALL
            .into_iter()
            .filter(|coding| self.coded[coding.index()].is_some());
        let coding = accepted().choose(at_hand);
        let coded = coding.and_then(|coding| self.coded[coding.index()].as_ref());
        coded.unwrap_or(&self.plain)
    }

    /// The plain file's.
    pub(super) fn name(&self) -> &[u8] {
        &self.plain.name
    }

    fn all(&self) -> impl Iterator<Item = &StoredFile> {
        std::iter::once(&self.plain).chain(self.coded.iter().flatten())
    }

    fn is_of(&self, states: &States) -> bool {
        let coded = |coding: &ContentCoding| self.coded[coding.index()].as_ref();
        self.plain.state == states.plain
            && ContentCoding::ALL
                .iter()
                .all(|coding| coded(coding).map(|file| file.state) == states.coded[coding.index()])
    }
}

/// Reads a small file into memory if the kernel has it there already: a shard does not wait for a disk.
fn keep_if_at_hand(mount: &FileMount, file: &StoredFile) {
    let Some(kept) = &file.kept else { return };
    let Ok(Some(opened)) = mount.directory.open_file(&file.name, &file.state) else {
        return;
    };
    let mut bytes = vec![0; file.state.length as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match read_at_hand(&opened, &mut bytes[filled..], filled as u64) {
            Ok(count) if count > 0 => filled += count,
            _ => return,
        }
    }
    let _ = kept.set(bytes.into_boxed_slice());
}

/// Reads what the kernel has in memory; [`io::ErrorKind::WouldBlock`] if that is nothing.
pub(super) fn read_at_hand(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut buffers = [IoSliceMut::new(buffer)];
    match preadv2(file, &mut buffers, at, ReadWriteFlags::NOWAIT) {
        Ok(count) => Ok(count),
        // Not every file system can say what it has.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn file_name(name: &[u8], coding: Option<ContentCoding>) -> Box<[u8]> {
    match coding {
        None => Box::from(name),
        Some(coding) => [name, coding.suffix().as_bytes()].concat().into(),
    }
}

/// What a name stands for in a mount.
pub(super) enum Located {
    File(Arc<FoundFile>),
    Directory,
    Nothing,
}

struct Cached {
    found: Arc<FoundFile>,
    checked: Instant,
    /// When it was asked for last, counted in requests.
    used: u64,
}

/// The files of a thread's mounts.
pub(super) struct FileCache {
    of_mount: Vec<HashMap<Box<[u8]>, Cached>>,
    bytes: u64,
    uses: u64,
}

impl FileCache {
    pub(super) fn new(mounts: usize) -> FileCache {
        FileCache {
            of_mount: (0..mounts).map(|_| HashMap::new()).collect(),
            bytes: 0,
            uses: 0,
        }
    }

    /// What the name stands for, as of a second ago at the most.
    pub(super) fn locate(
        &mut self,
        number: usize,
        mount: &FileMount,
        name: &[u8],
        now: Instant,
    ) -> io::Result<Located> {
        self.uses += 1;
        if let Some(cached) = self.of_mount[number].get_mut(name) {
            cached.used = self.uses;
            if now.saturating_duration_since(cached.checked) < FRESH {
                return Ok(Located::File(Arc::clone(&cached.found)));
            }
        }
        let plain = match mount.directory.look(name)? {
            Entry::File(state) => state,
            entry => {
                self.forget(number, name);
                return Ok(match entry {
                    Entry::Directory => Located::Directory,
                    _ => Located::Nothing,
                });
            }
        };
        let mut states = States {
            plain,
            coded: [None; ContentCoding::ALL.len()],
        };
        for coding in ContentCoding::ALL {
            if let Entry::File(state) = mount.directory.look(&file_name(name, Some(coding)))? {
                states.coded[coding.index()] = Some(state);
            }
        }
        if let Some(cached) = self.of_mount[number].get_mut(name)
            && cached.found.is_of(&states)
        {
            cached.checked = now;
            return Ok(Located::File(Arc::clone(&cached.found)));
        }
        self.forget(number, name);
        let found = Arc::new(FoundFile::of(mount, name, &states));
        self.remember(number, name, Arc::clone(&found), now);
        Ok(Located::File(found))
    }

    /// Forgets a file that is not what it was.
    pub(super) fn forget(&mut self, number: usize, name: &[u8]) {
        if let Some(gone) = self.of_mount[number].remove(name) {
            self.bytes -= cost(&gone.found);
        }
    }

    fn remember(&mut self, number: usize, name: &[u8], found: Arc<FoundFile>, now: Instant) {
        self.bytes += cost(&found);
        let cached = Cached {
            found,
            checked: now,
            used: self.uses,
        };
        self.of_mount[number].insert(Box::from(name), cached);
        while self.bytes > CACHE_BYTES_MAX {
            let Some((number, name)) = self.least_recently_used() else {
                return;
            };
            self.forget(number, &name);
        }
    }

    /// Looks at all there are: some thousand at the most, and only when one has to go.
    fn least_recently_used(&self) -> Option<(usize, Box<[u8]>)> {
        let all = self
            .of_mount
            .iter()
            .enumerate()
            .flat_map(|(number, files)| {
                files
                    .iter()
                    .map(move |(name, cached)| (cached.used, number, name))
            });
        all.min_by_key(|(used, ..)| *used)
            .map(|(_, number, name)| (number, name.clone()))
    }
}

fn cost(found: &FoundFile) -> u64 {
    found.all().map(StoredFile::kept_bytes).sum()
}
