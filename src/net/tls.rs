//! TLS 1.3 whose certificates are bound to node keys, as libp2p-tls binds them.
//!
//! The certificate is libp2p's own (a throw-away P-256 key with an extension in which the node key vouches
//! for it); only the terms differ from libp2p's: ring instead of aws-lc, AES-128-GCM first where the processor
//! has it, X25519 alone, an ALPN of our own, no session tickets and no key log. A client states whom it
//! expects and refuses anyone else; a server learns who called.

use crate::error::StartError;
use crate::key;
use layr_types::NodeKey;
use libp2p::identity::Keypair;
use libp2p::tls::certificate;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme,
};
use std::sync::Arc;

/// What the two ends say they speak over TLS.
const ALPN: &[u8] = b"layr-lane/1";

/// The certificate proves another node key than the one expected.
#[derive(Debug, thiserror::Error)]
#[error("node {expected} was expected, but {} answered", found.map_or("a peer without a node key".to_owned(), |node| node.to_string()))]
pub(crate) struct WrongNode {
    pub(crate) expected: NodeKey,
    pub(crate) found: Option<NodeKey>,
}

/// This node's certificate, and the terms it offers.
#[derive(Debug, Clone)]
pub(crate) struct LaneTls {
    provider: Arc<CryptoProvider>,
    certificate: Arc<SingleCertAndKey>,
    server: Arc<ServerConfig>,
}

impl LaneTls {
    /// Makes a fresh certificate for the node key.
    pub(crate) fn new(identity: &Keypair) -> Result<Self, StartError> {
        let (chain, secret) =
            certificate::generate(identity).map_err(|e| StartError::Certificate(Box::new(e)))?;
        let provider = Arc::new(provider());
        let secret = provider
            .key_provider
            .load_private_key(secret)
            .map_err(|e| StartError::Certificate(Box::new(e)))?;
        // Not `from_der`: it reads the certificate itself and stumbles over libp2p's critical extension.
        let certified = CertifiedKey::new(vec![chain], secret);
        let certificate = Arc::new(SingleCertAndKey::from(certified));
        let server = server(&provider, &certificate).map_err(|e| StartError::Certificate(Box::new(e)))?;
        Ok(Self { provider, certificate, server: Arc::new(server) })
    }

    /// Terms for calls from anyone who can prove a node key.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// Terms for calling one node.
    pub(crate) fn client(&self, expected: NodeKey) -> Result<Arc<ClientConfig>, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { expected: Some(expected) }))
            .with_client_cert_resolver(Arc::clone(&self.certificate) as _);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(Arc::new(config))
    }
}

fn server(
    provider: &Arc<CryptoProvider>,
    certificate: &Arc<SingleCertAndKey>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(Verifier { expected: None }))
        .with_cert_resolver(Arc::clone(certificate) as _);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    let (aes, chacha) =
        (ring::cipher_suite::TLS13_AES_128_GCM_SHA256, ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256);
    provider.cipher_suites = if has_aes() { vec![aes, chacha] } else { vec![chacha, aes] };
    provider.kx_groups = vec![ring::kx_group::X25519];
    provider
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn has_aes() -> bool {
    false
}

/// The node key a peer's certificate proves.
pub(crate) fn proved_by(chain: Option<&[CertificateDer<'_>]>) -> Option<NodeKey> {
    match chain {
        Some([only]) => key::node_key(&certificate::parse(only).ok()?.peer_id()),
        _ => None,
    }
}

/// Accepts exactly one certificate, self-signed and vouched for by a node key.
#[derive(Debug)]
struct Verifier {
    expected: Option<NodeKey>,
}

impl Verifier {
    fn verify(&self, only: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        if !others.is_empty() {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        let found = key::node_key(&certificate::parse(only)?.peer_id());
        match (found, self.expected) {
            (Some(found), Some(expected)) if found == expected => Ok(()),
            (found, Some(expected)) => {
                let wrong = OtherError(Arc::new(WrongNode { expected, found }));
                Err(Error::InvalidCertificate(CertificateError::Other(wrong)))
            }
            (Some(_), None) => Ok(()),
            (None, None) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn signed(
        message: &[u8],
        by: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        certificate::parse(by)?.verify_signature(dss.scheme, message, dss.signature())?;
        Ok(HandshakeSignatureValid::assertion())
    }
}

/// TLS 1.2 is never offered, so nobody can be asked to check its signatures.
fn not_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
}

fn schemes() -> Vec<SignatureScheme> {
    vec![
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ED25519,
    ]
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        only: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(only, others).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        not_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        by: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::signed(message, by, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        only: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(only, others).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        not_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        by: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::signed(message, by, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}
