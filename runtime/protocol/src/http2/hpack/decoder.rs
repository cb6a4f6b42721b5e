//! Reads a block of HPACK (RFC 7541 section 3): field for field, into what the caller makes of them.

use super::bad_block::BadBlock;
use super::dynamic_table::DynamicTable;
use super::static_table::STATIC_TABLE;
use super::{huffman, integer};
use crate::http2::limits::HPACK_TABLE_BYTES_MAX;

/// The state that a peer's blocks share.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: DynamicTable,
    /// The field at hand, where it is not read from a table.
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new() -> Decoder {
        Decoder {
            table: DynamicTable::new(HPACK_TABLE_BYTES_MAX),
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Hands every field of the block to `take`, in order.
    pub(crate) fn decode(
        &mut self,
        mut block: &[u8],
        mut take: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), BadBlock> {
        let mut is_first = true;
        while let Some(&byte) = block.first() {
            let is_size = byte & 0xe0 == 0x20;
            if is_size && !is_first {
                return Err(BadBlock);
            }
            is_first = is_size;
            if byte & 0x80 != 0 {
                let number = integer::read(&mut block, 7)?;
                let (name, value) = self.field(number)?;
                take(name, value);
            } else if byte & 0x40 != 0 {
                self.read_literal(&mut block, 6)?;
                self.table.insert(&self.name, &self.value);
                take(&self.name, &self.value);
            } else if is_size {
                let size_max = integer::read(&mut block, 5)?;
                if size_max > HPACK_TABLE_BYTES_MAX {
                    return Err(BadBlock);
                }
                self.table.set_size_max(size_max);
            } else {
                // Without indexing, or never to be indexed: a server that answers itself does the same with both.
                self.read_literal(&mut block, 4)?;
                take(&self.name, &self.value);
            }
        }
        Ok(())
    }

    /// Gives memory back that an idle connection has no use for.
    pub(crate) fn rest(&mut self) {
        self.name = Vec::new();
        self.value = Vec::new();
    }

    fn field(&self, number: usize) -> Result<(&[u8], &[u8]), BadBlock> {
        let place = number.checked_sub(1).ok_or(BadBlock)?;
        match STATIC_TABLE.get(place) {
            Some(field) => Ok(*field),
            None => self.table.field(place - STATIC_TABLE.len()).ok_or(BadBlock),
        }
    }

    fn read_literal(&mut self, block: &mut &[u8], prefix_bits: u32) -> Result<(), BadBlock> {
        let number = integer::read(block, prefix_bits)?;
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        let read = match number {
            0 => read_string(block, &mut name),
            _ => self
                .field(number)
                .map(|field| name.extend_from_slice(field.0)),
        };
        self.name = name;
        read?;
        self.value.clear();
        read_string(block, &mut self.value)
    }
}

fn read_string(block: &mut &[u8], text: &mut Vec<u8>) -> Result<(), BadBlock> {
    let is_coded = block.first().is_some_and(|byte| byte & 0x80 != 0);
    let length = integer::read(block, 7)?;
    let (string, rest) = block.split_at_checked(length).ok_or(BadBlock)?;
    *block = rest;
    if is_coded {
        return huffman::decode(string, text);
    }
    text.extend_from_slice(string);
    Ok(())
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
