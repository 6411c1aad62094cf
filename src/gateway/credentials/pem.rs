//! PEM files: certificates, keys, authorities.

use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The certificates of a file; at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(none) if none.is_empty() => Err("holds no certificate in PEM".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("is no sound PEM: {error}")),
    }
}

/// The first private key of a file.
pub(super) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| "holds no private key in PEM that is not encrypted".to_owned())
}

/// The certificates of a file as authorities to trust.
pub(super) fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| format!("holds a certificate that cannot be trusted: {error}"))?;
    }
    Ok(roots)
}

/// The subject that a certificate names, as RFC 4514 writes it; nothing where it cannot be read.
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    Some(Certificate::from_der(certificate).ok()?.tbs_certificate().subject().to_string())
}

/// When the first of these certificates expires, from the Unix epoch.
pub(super) fn expiry(certificates: &[CertificateDer<'_>]) -> Result<Duration, String> {
    let mut first = Duration::MAX;
    for certificate in certificates {
        let certificate = Certificate::from_der(certificate)
            .map_err(|error| format!("holds a certificate that cannot be read: {error}"))?;
        first = first.min(certificate.tbs_certificate().validity().not_after.to_unix_duration());
    }
    Ok(first)
}
