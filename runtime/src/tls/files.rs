//! The files that TLS is configured with, as bytes: read by the process that may, and passed on to its workers, which may not any more.
//! Knows nothing of what is in them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::start_error::StartError;
use crate::tls::self_signed;

/// Largest file that is read: a chain of certificates has some KiB, a bundle of CAs some hundred.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairPaths {
    /// The certificate, and after it those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key; it is in the same file if this is None.
    pub key: Option<PathBuf>,
}

/// Where all of them are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsPaths {
    /// Certificates with their keys.
    pub pairs: Vec<PairPaths>,
    /// Besides, a certificate is made for this machine alone.
    pub is_self_signed: bool,
    /// Those who vouch for clients.
    pub client_cas: Vec<PathBuf>,
    /// Lists of certificates of clients that were revoked.
    pub crls: Vec<PathBuf>,
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// For messages.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// None if it is no file.
    pub(crate) stamp: Option<Stamp>,
}

/// What tells a file from another version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified_s: i64,
    modified_ns: i64,
    bytes: u64,
    inode: u64,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Certificates, and behind each of them the file that has its key.
    pub(crate) pairs: Vec<Contents>,
    pub(crate) client_cas: Vec<Contents>,
    pub(crate) crls: Vec<Contents>,
}

impl TlsFiles {
    pub(crate) fn read(paths: &TlsPaths) -> Result<TlsFiles, StartError> {
        let mut files = TlsFiles::default();
        for pair in &paths.pairs {
            let certificate = Contents::read("ssl_certfile", &pair.certificate)?;
            let key = match &pair.key {
                Some(path) => Contents::read("ssl_keyfile", path)?,
                None => certificate.clone(),
            };
            files.pairs.extend([certificate, key]);
        }
        if paths.is_self_signed {
            files
                .pairs
                .extend(self_signed::pair()?.map(Contents::in_memory));
        }
        for path in &paths.client_cas {
            files.client_cas.push(Contents::read("ssl_ca_certs", path)?);
        }
        for path in &paths.crls {
            files.crls.push(Contents::read("ssl_crl", path)?);
        }
        Ok(files)
    }

    /// One of them is not any more what was read. A file that is not there now may be about to be replaced.
    pub(crate) fn have_changed(&self) -> bool {
        let all = self.pairs.iter().chain(&self.client_cas).chain(&self.crls);
        all.into_iter().any(|file| {
            let now = fs::metadata(&file.path).ok().map(|data| Stamp::of(&data));
            file.stamp.is_some() && now.is_some() && now != file.stamp
        })
    }

    /// One of them that could be read, and cannot any more: this process has become another user.
    pub(crate) fn forbidden(&self) -> Option<&Path> {
        let mut all = self.pairs.iter().chain(&self.client_cas).chain(&self.crls);
        let is_forbidden = |file: &&Contents| {
            let opened = file.stamp.map(|_| fs::File::open(&file.path));
            matches!(opened, Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied)
        };
        all.find(is_forbidden).map(|file| &*file.path)
    }

    /// Those that are there now, by which a second look tells whether they have changed once more.
    pub(crate) fn stamps_now(&self) -> Vec<Option<Stamp>> {
        let all = self.pairs.iter().chain(&self.client_cas).chain(&self.crls);
        let now = |file: &Contents| fs::metadata(&file.path).ok().map(|data| Stamp::of(&data));
        all.map(now).collect()
    }

    pub(crate) fn put_into(&self, bytes: &mut Vec<u8>) {
        for list in [&self.pairs, &self.client_cas, &self.crls] {
            bytes.extend_from_slice(&(list.len() as u64).to_le_bytes());
            for file in list {
                put(bytes, file.path.as_os_str().as_encoded_bytes());
                put(bytes, &file.bytes);
                put(bytes, &file.stamp.map_or(Vec::new(), Stamp::to_bytes));
            }
        }
    }

    /// None if it is not what `put_into` has written.
    pub(crate) fn take_from(bytes: &mut &[u8]) -> Option<TlsFiles> {
        Some(TlsFiles {
            pairs: take_files(bytes)?,
            client_cas: take_files(bytes)?,
            crls: take_files(bytes)?,
        })
    }
}

impl Stamp {
    fn of(data: &fs::Metadata) -> Stamp {
        Stamp {
            modified_s: data.mtime(),
            modified_ns: data.mtime_nsec(),
            bytes: data.size(),
            inode: data.ino(),
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let signed = [self.modified_s, self.modified_ns].map(i64::cast_unsigned);
        [signed[0], signed[1], self.bytes, self.inode]
            .map(u64::to_le_bytes)
            .concat()
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Stamp> {
        Some(Stamp {
            modified_s: take_number(&mut bytes)?.cast_signed(),
            modified_ns: take_number(&mut bytes)?.cast_signed(),
            bytes: take_number(&mut bytes)?,
            inode: take_number(&mut bytes)?,
        })
    }
}

impl Contents {
    /// No file has it.
    fn in_memory(text: String) -> Contents {
        Contents {
            path: PathBuf::from("--ssl-self-signed"),
            bytes: text.into_bytes(),
            stamp: None,
        }
    }

    fn read(setting: &str, path: &Path) -> Result<Contents, StartError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            StartError::new(format!("{setting}: {}: {error}", path.display()))
        };
        let file = fs::File::open(path).map_err(|error| unreadable(&in_words(&error)))?;
        let data = file
            .metadata()
            .map_err(|error| unreadable(&in_words(&error)))?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&in_words(&error)))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(unreadable(&"more than 4 MiB, which no certificate has"));
        }
        Ok(Contents {
            path: path.to_owned(),
            bytes,
            stamp: Some(Stamp::of(&data)),
        })
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
    bytes.extend_from_slice(field);
}

fn take_files(bytes: &mut &[u8]) -> Option<Vec<Contents>> {
    let count = take_number(bytes)?;
    let mut files = Vec::new();
    for _ in 0..count {
        files.push(Contents {
            path: PathBuf::from(OsStr::from_bytes(take(bytes)?)),
            bytes: take(bytes)?.to_vec(),
            stamp: Stamp::from_bytes(take(bytes)?),
        });
    }
    Some(files)
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(bytes)?).ok()?;
    let (field, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(field)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_gets_what_was_read() {
        let stamp = Stamp {
            modified_s: -1,
            modified_ns: 2,
            bytes: 3,
            inode: 4,
        };
        let file = |path: &str, bytes: &[u8], stamp| Contents {
            path: path.into(),
            bytes: bytes.to_vec(),
            stamp,
        };
        let files = TlsFiles {
            pairs: vec![
                file("/a/b.pem", b"chain", Some(stamp)),
                file("", b"\0\xff", None),
            ],
            client_cas: vec![],
            crls: vec![file("c", b"", Some(stamp))],
        };
        let mut bytes = Vec::new();
        files.put_into(&mut bytes);
        assert_eq!(TlsFiles::take_from(&mut &bytes[..]), Some(files));
        for length in 0..bytes.len() {
            assert_eq!(TlsFiles::take_from(&mut &bytes[..length]), None);
        }
        assert_eq!(TlsFiles::take_from(&mut &[0xff; 64][..]), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_with_its_setting() {
        let error = |path: &str| {
            let pair = PairPaths {
                certificate: path.into(),
                key: None,
            };
            let paths = TlsPaths {
                pairs: vec![pair],
                ..TlsPaths::default()
            };
            TlsFiles::read(&paths).unwrap_err().to_string()
        };
        assert_eq!(
            error("/no/such"),
            "ssl_certfile: /no/such: there is no such file"
        );
        assert_eq!(error("/"), "ssl_certfile: /: it is a directory");
        assert!(error("/dev/zero").contains("more than 4 MiB"));
    }
}
