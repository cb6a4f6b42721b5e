//! The encoder as Python code sees it: `turbo_shard._native.json_encode` and `encode_jsonable`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::encode::encode_plain;

/// Room for a usual answer: most calls never grow the buffer.
const FIRST_CAPACITY_BYTES: usize = 256;

/// Makes JSON text (UTF-8, compact) of a value. A value whose exact type is not dict, list, tuple, str, int, float,
/// bool or None goes to `fallback`, which returns one whose type is.
#[pyfunction]
#[pyo3(signature = (value, fallback = None))]
pub(crate) fn json_encode<'py>(
    value: &Bound<'py, PyAny>,
    fallback: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::with_capacity(FIRST_CAPACITY_BYTES);
    super::encode(
        value.py(),
        value.as_borrowed(),
        &mut out,
        fallback.map(Bound::as_borrowed),
    )?;
    Ok(PyBytes::new(value.py(), &out))
}

/// What FastAPI answers with for a value without a model, `json.dumps(jsonable_encoder(value), ...)`, if the value is so
/// plain that FastAPI leaves it as it is; None if it is not.
#[pyfunction]
pub(crate) fn encode_jsonable<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    let mut out = Vec::with_capacity(FIRST_CAPACITY_BYTES);
    encode_plain(value.as_borrowed(), &mut out).then(|| PyBytes::new(value.py(), &out))
}
