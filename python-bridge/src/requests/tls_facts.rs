//! What a TLS handshake has come to, as apps see it: ASGI's extension `tls`, and variables as web servers set them for CGI. Knows no
//! interface.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use turbo_shard_runtime::{TlsFacts, tls_version_name};

/// The keys of ASGI's TLS extension, version 0.2.
pub(crate) fn tls_dict<'py>(py: Python<'py>, facts: &TlsFacts) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("server_cert", &*facts.server_certificate)?;
    let chain = PyTuple::new(py, &facts.client_certificates)?;
    dict.set_item("client_cert_chain", chain)?;
    dict.set_item("client_cert_name", facts.client_name.as_deref())?;
    // A client whose certificate is wrong is not served at all.
    dict.set_item("client_cert_error", py.None())?;
    dict.set_item("tls_version", facts.version)?;
    dict.set_item("cipher_suite", facts.cipher_suite)?;
    Ok(dict)
}

/// Variables as Apache's mod_ssl names them.
pub(crate) fn set_variables(environ: &Bound<'_, PyDict>, facts: &TlsFacts) -> PyResult<()> {
    environ.set_item("HTTPS", "on")?;
    environ.set_item("SSL_PROTOCOL", tls_version_name(facts.version))?;
    if let Some(name) = &facts.server_name {
        environ.set_item("SSL_TLS_SNI", &**name)?;
    }
    if !facts.asks_clients {
        return Ok(());
    }
    let Some((own, chain)) = facts.client_certificates.split_first() else {
        return environ.set_item("SSL_CLIENT_VERIFY", "NONE");
    };
    environ.set_item("SSL_CLIENT_VERIFY", "SUCCESS")?;
    environ.set_item("SSL_CLIENT_S_DN", facts.client_name.as_deref())?;
    environ.set_item("SSL_CLIENT_CERT", own)?;
    for (index, certificate) in chain.iter().enumerate() {
        environ.set_item(format!("SSL_CLIENT_CERT_CHAIN_{index}"), certificate)?;
    }
    Ok(())
}
