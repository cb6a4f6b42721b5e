//! A setting that is one of some words. Knows no setting by name.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

/// What one of the words of a choice stands for.
pub(super) fn chosen<W: AsRef<str>, T>(
    word: &Bound<'_, PyAny>,
    choices: impl IntoIterator<Item = (W, T)>,
) -> PyResult<T> {
    let word: &str = &word.extract::<PyBackedStr>()?;
    let found = choices.into_iter().find(|(name, _)| name.as_ref() == word);
    found
        .map(|(_, choice)| choice)
        .ok_or_else(|| PyValueError::new_err(format!("{word:?} is none of its choices")))
}
