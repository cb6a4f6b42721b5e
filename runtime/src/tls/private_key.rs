//! Reads a private key in any of the forms that openssl writes. Opens no files.

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument, pkcs5};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why there is no key, to follow a file's name.
pub(super) type Refused = String;

const BEGIN_ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END_ENCRYPTED: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";
/// As openssl wrote keys before its version 1.0 and still does with `-traditional`: MD5 makes the key of the password.
const ENCRYPTED_TRADITIONALLY: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// The first key in the text of a PEM file.
pub(super) fn read(pem: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, Refused> {
    if position(pem, ENCRYPTED_TRADITIONALLY).is_some() {
        return Err(
            "the key is encrypted in the old way of openssl; `openssl pkcs8 -topk8 -in OLD -out NEW` makes one that can \
             be read"
                .to_owned(),
        );
    }
    if position(pem, BEGIN_ENCRYPTED).is_some() {
        return decrypted(pem, password);
    }
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "there is no private key in it (PEM: PKCS #8, PKCS #1 or SEC 1)".to_owned())
}

fn decrypted(pem: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, Refused> {
    let Some(password) = password else {
        return Err("the key is encrypted; ssl_keyfile_password is missing".to_owned());
    };
    let (_, document) = encrypted_section(pem)
        .and_then(|text| SecretDocument::from_pem(text).ok())
        .ok_or("its ENCRYPTED PRIVATE KEY is not well-formed PEM")?;
    let info = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
        .map_err(|error| format!("the encrypted key cannot be read: {error}"))?;
    let key = info.decrypt(password).map_err(|error| match error {
        // What was decrypted by another password is padded wrongly, or is no key.
        pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed,
        )
        | pkcs8::Error::Asn1(_)
        | pkcs8::Error::KeyMalformed => "ssl_keyfile_password is not its password".to_owned(),
        other => format!("the encrypted key cannot be read: {other}"),
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Its lines, without what stands around them.
fn encrypted_section(pem: &[u8]) -> Option<&str> {
    let start = position(pem, BEGIN_ENCRYPTED)?;
    let length = position(&pem[start..], END_ENCRYPTED)? + END_ENCRYPTED.len();
    str::from_utf8(&pem[start..start + length]).ok()
}

fn position(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|part| part == word)
}
