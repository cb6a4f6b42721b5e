//! Strings that several modules look attributes up by. A string with one user is interned where it is used
//! (`pyo3::intern!`). Append only.
