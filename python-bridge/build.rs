//! Tells the compiler which Python this is built for (`Py_GIL_DISABLED`, `Py_3_14`, …).

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_extension_module_link_args();
}
