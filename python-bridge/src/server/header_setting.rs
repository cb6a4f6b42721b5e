//! Header lines for every answer, as they come from Python. Writes none.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use turbo_shard_runtime::protocol::LineRefused;

/// A header line for every answer.
pub(super) struct HeaderLine {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
}

pub(super) fn header_lines(lines: &Bound<'_, PyAny>) -> PyResult<Vec<HeaderLine>> {
    let lines: Vec<PyBackedStr> = lines.extract()?;
    let read = |line: &PyBackedStr| {
        let (name, value) = line.split_once(':').ok_or(LineRefused::Name)?;
        Ok(HeaderLine {
            name: latin1(name)?,
            value: latin1(value)?,
        })
    };
    let lines: Result<_, LineRefused> = lines.iter().map(read).collect();
    lines.map_err(line_refused)
}

pub(super) fn server_line(text: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let text: Option<PyBackedStr> = text.extract()?;
    let text = text.map(|text| latin1(&text)).transpose();
    text.map_err(line_refused)
}

fn latin1(text: &str) -> Result<Vec<u8>, LineRefused> {
    let byte = |char| u8::try_from(u32::from(char)).map_err(|_| LineRefused::Value);
    text.chars().map(byte).collect()
}

pub(super) fn line_refused(refused: LineRefused) -> PyErr {
    PyValueError::new_err(format!("not a header line for every answer: {refused:?}"))
}
