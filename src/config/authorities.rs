//! Certificates of authorities that are trusted beside those of the system.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::{error::ConfigError, places::ReadFile};

/// Reads a file of one certificate or several in PEM; what else stands in it is skipped.
///
/// # Errors
/// [`ConfigError::CaFile`]
pub(super) fn read(
    path: &Path,
    read: ReadFile<'_>,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let unfit = |reason: String| ConfigError::CaFile {
        path: path.to_path_buf(),
        reason,
    };
    let text = read(path).map_err(|error| unfit(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|error| unfit(format!("it is no PEM: {error}")))?;
    if found.is_empty() {
        let reason = "it holds no certificate, which begins with -----BEGIN CERTIFICATE-----";
        return Err(unfit(reason.to_owned()));
    }
    for certificate in &found {
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|error| unfit(format!("a certificate in it is damaged: {error}")))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused() {
        let path = Path::new("/ca.pem");
        for (text, part) in [
            ("", "no certificate"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "no certificate",
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "no PEM"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "damaged",
            ),
        ] {
            let told = read(path, &|_| Ok(text.to_owned()))
                .expect_err(text)
                .to_string();
            assert!(told.contains("/ca.pem") && told.contains(part), "{told}");
        }
    }
}
