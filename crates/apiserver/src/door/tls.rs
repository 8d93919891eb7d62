//! The door for kubectl and other clients: https on loopback, with a bearer token.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::accept::connections;
use super::connection::{Guard, serve};
use crate::server::ApiServer;

/// How long a client may take to greet.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Names under which the server is reached.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The server's certificate, and the authority that clients are to trust.
pub struct Tls {
    acceptor: TlsAcceptor,
    ca_pem: String,
}

/// Bearer tokens that make their bearer the administrator.
pub struct Tokens(Vec<String>);

impl Tokens {
    /// These tokens; empty ones are left out.
    pub fn new(tokens: impl IntoIterator<Item = String>) -> Self {
        Self(tokens.into_iter().filter(|token| !token.is_empty()).collect())
    }

    /// Whether a token is one of them, in time that does not tell how much of it is right.
    pub(super) fn admits(&self, token: &str) -> bool {
        let same = |known: &String| {
            aws_lc_rs::constant_time::verify_slices_are_equal(known.as_bytes(), token.as_bytes()).is_ok()
        };
        self.0.iter().any(same)
    }
}

impl Tls {
    /// A new authority and a certificate of its for loopback. Both live as long as this process.
    ///
    /// # Errors
    /// Keys or certificates cannot be made.
    pub fn generate() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority
            .distinguished_name
            .push(DnType::CommonName, "plimsoll-ca");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut server = CertificateParams::new(NAMES.map(str::to_owned))?;
        server.distinguished_name.push(DnType::CommonName, "plimsoll");
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_pem: authority.pem(),
        })
    }

    /// The authority's certificate in PEM, for clients to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

impl ApiServer {
    /// Serves https on `listener` until `shutdown`. Who brings none of `tokens`, nor a service account's, gets 401.
    pub fn serve_tls(
        &self,
        listener: TcpListener,
        tls: &Tls,
        tokens: Tokens,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (server, acceptor) = (self.clone(), tls.acceptor.clone());
        let guard = Guard::Token(Arc::new(tokens));
        let ending = shutdown.clone();
        let serve_one = move |stream| {
            let (server, guard, ending) = (server.clone(), guard.clone(), ending.clone());
            let acceptor = acceptor.clone();
            async move {
                match greet(&acceptor, stream).await {
                    Ok(stream) => serve(server, guard, stream, ending).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake failed"),
                }
            }
        };
        connections(self.clone(), listener, shutdown, serve_one)
    }
}

async fn greet(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client did not finish its greeting",
        )),
    }
}
