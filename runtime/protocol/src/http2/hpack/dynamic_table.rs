//! The fields that a peer's blocks have brought, and later ones name by a number (RFC 7541 section 2.3.2). Bytes lie in one
//! buffer, so that a field costs no allocation once that is as large as it gets.

use std::collections::VecDeque;

/// What a field counts beyond its bytes (RFC 7541 section 4.1).
pub(super) const FIELD_OVERHEAD_BYTES: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    name_len: usize,
    value_len: usize,
}

impl Entry {
    fn size(&self) -> usize {
        self.name_len + self.value_len + FIELD_OVERHEAD_BYTES
    }
}

/// The newest field comes first.
#[derive(Debug)]
pub(super) struct DynamicTable {
    bytes: Vec<u8>,
    /// Where the oldest field's bytes begin.
    begin: usize,
    entries: VecDeque<Entry>,
    size: usize,
    size_max: usize,
}

impl DynamicTable {
    pub(super) fn new(size_max: usize) -> DynamicTable {
        DynamicTable {
            bytes: Vec::new(),
            begin: 0,
            entries: VecDeque::new(),
            size: 0,
            size_max,
        }
    }

    pub(super) fn set_size_max(&mut self, size_max: usize) {
        self.size_max = size_max;
        self.make_room(0);
    }

    /// Field number `place`, counted from 0.
    #[inline]
    pub(super) fn field(&self, place: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entries.get(place)?;
        let value_start = entry.start + entry.name_len;
        Some((
            &self.bytes[entry.start..value_start],
            &self.bytes[value_start..value_start + entry.value_len],
        ))
    }

    /// Adds a field, and drops the oldest ones for it; one that is larger than the table empties it.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let entry = Entry {
            start: 0,
            name_len: name.len(),
            value_len: value.len(),
        };
        self.make_room(entry.size());
        if entry.size() > self.size_max {
            return;
        }
        // What is in front of the oldest field is as large as the table at most.
        if self.begin > self.size_max {
            self.bytes.drain(..self.begin);
            self.entries
                .iter_mut()
                .for_each(|it| it.start -= self.begin);
            self.begin = 0;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.size += entry.size();
        self.entries.push_front(Entry { start, ..entry });
    }

    fn make_room(&mut self, wanted: usize) {
        while self.size + wanted > self.size_max
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
            self.begin = oldest.start + oldest.name_len + oldest.value_len;
        }
        if self.entries.is_empty() {
            self.bytes.clear();
            self.begin = 0;
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_comes_first_and_the_oldest_goes() {
        let mut table = DynamicTable::new(3 * (FIELD_OVERHEAD_BYTES + 2));
        for (name, value) in [(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")] {
            table.insert(name, value);
        }
        assert_eq!(table.field(0), Some((&b"d"[..], &b"4"[..])));
        assert_eq!(table.field(2), Some((&b"b"[..], &b"2"[..])));
        assert_eq!(table.field(3), None);
        table.set_size_max(FIELD_OVERHEAD_BYTES + 2);
        assert_eq!(table.field(0), Some((&b"d"[..], &b"4"[..])));
        assert_eq!(table.field(1), None);
        table.insert(b"too large", b"for this table");
        assert_eq!((table.field(0), table.size()), (None, 0));
    }

    #[test]
    fn memory_stays_bounded_however_many_fields_pass() {
        let mut table = DynamicTable::new(4096);
        for number in 0..100_000u32 {
            table.insert(b"x-name", &number.to_be_bytes());
            assert_eq!(table.field(0).unwrap().1, number.to_be_bytes());
            if number > 50 {
                assert_eq!(table.field(50).unwrap().1, (number - 50).to_be_bytes());
            }
        }
        assert!(table.bytes.capacity() <= 4 * 4096);
    }
}
