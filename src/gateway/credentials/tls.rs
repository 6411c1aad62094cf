//! TLS as both sides of the gateway speak it: 1.2 and 1.3.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use super::kept::{Flaw, Kept};
use super::pem;
use crate::config::{ClientTls, Endpoint, Identity, Location, Mistake, ServerTls};
use crate::telemetry;

/// Names of HTTP's versions in the handshake (ALPN).
pub(crate) const H2: &[u8] = b"h2";
pub(crate) const HTTP_1: &[u8] = b"http/1.1";

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

type Chain = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate and its key, from the contents of the files `at` and after it.
fn chain(contents: &[Vec<u8>], at: usize) -> Result<Chain, Flaw> {
    let certificates = pem::certificates(&contents[at]).map_err(|problem| Flaw(at, problem))?;
    let key = pem::key(&contents[at + 1]).map_err(|problem| Flaw(at + 1, problem))?;
    Ok((certificates, key))
}

/// Tells the metrics when a certificate expires.
fn note(role: &'static str, certificates: &[CertificateDer<'_>], at: usize) -> Result<(), Flaw> {
    telemetry::certificate_seen(role, pem::expiry(certificates).map_err(|problem| Flaw(at, problem))?);
    Ok(())
}

/// What a key that does not fit is told as.
fn misfit(at: usize) -> impl Fn(tokio_rustls::rustls::Error) -> Flaw {
    move |error| Flaw(at + 1, format!("does not belong to the certificate: {error}"))
}

/// TLS on a port that speaks `protocols`.
pub(super) fn server(
    role: &'static str,
    tls: &ServerTls,
    protocols: &'static [&'static [u8]],
) -> Result<Kept<ServerConfig>, Mistake> {
    let Identity { certificate, key } = tls.identity.clone();
    let files = [certificate, key].into_iter().chain(tls.client_ca.clone()).collect();
    Kept::new(role, files, move |contents| {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&VERSIONS)
            .unwrap_or_else(|error| unreachable!("ring speaks both versions: {error}"));
        let builder = match contents.get(2) {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let flaw = |problem| Flaw(2, problem);
                let authorities = Arc::new(pem::authorities(authorities).map_err(flaw)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider());
                builder.with_client_cert_verifier(verifier.build().map_err(|error| flaw(error.to_string()))?)
            }
        };
        let (certificates, key) = chain(contents, 0)?;
        let mut config = builder.with_single_cert(certificates.clone(), key).map_err(misfit(0))?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        note(role, &certificates, 0)?;
        Ok(config)
    })
}

/// TLS towards a server that is to speak `protocol`; `role` is the gateway's there.
pub(crate) fn client(
    role: &'static str,
    tls: &ClientTls,
    protocol: &'static [u8],
) -> Result<Kept<ClientConfig>, Mistake> {
    let own = tls.identity.clone().map(|identity| [identity.certificate, identity.key]);
    let files = std::iter::once(tls.ca.clone()).chain(own.into_iter().flatten()).collect();
    Kept::new(role, files, move |contents| {
        let authorities = pem::authorities(&contents[0]).map_err(|problem| Flaw(0, problem))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&VERSIONS)
            .unwrap_or_else(|error| unreachable!("ring speaks both versions: {error}"))
            .with_root_certificates(authorities);
        let mut config = match contents.len() {
            1 => builder.with_no_client_auth(),
            _ => {
                let (certificates, key) = chain(contents, 1)?;
                let config = builder.with_client_auth_cert(certificates.clone(), key).map_err(misfit(1))?;
                note(role, &certificates, 1)?;
                config
            }
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(config)
    })
}

/// The name that the server at `endpoint` must prove to be.
///
/// # Errors
/// When it is neither a DNS name nor an IP address.
pub(crate) fn server_name(endpoint: &Endpoint, tls: &ClientTls) -> Result<ServerName<'static>, Mistake> {
    let (name, at) = match &tls.server_name {
        Some(name) => (name.value.as_str(), name.at.clone()),
        None => (endpoint.target.host().unwrap_or_default(), Location::Default),
    };
    ServerName::try_from(name.to_owned()).map_err(|_| Mistake {
        at,
        message: format!("'{name}' is no DNS name or IP address that a certificate could bear"),
    })
}
