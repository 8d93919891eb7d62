//! The rig's certificates: one authority, and what it signs for each program and the administrator.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::{Value, json};

use super::folder::Folder;

/// Whose certificate it is, and under which names it serves.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The user, or the server's name.
    pub(crate) name: &'a str,
    /// The user's group, or empty.
    pub(crate) group: &'a str,
    /// Host names and addresses, for a server.
    pub(crate) hosts: &'a [&'a str],
}

/// A certificate and its key, in PEM.
pub(crate) struct Certificate {
    /// The certificate.
    pub(crate) pem: String,
    /// Its private key.
    pub(crate) key: String,
}

/// The authority. It signs while the rig is started, and leaves its key for the controller manager.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new authority.
    pub(crate) fn generate() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.distinguished_name.push(DnType::CommonName, "rig");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// The authority's own certificate and key.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate {
            pem: self.0.pem(),
            key: self.0.key().serialize_pem(),
        }
    }

    /// A certificate for a client, and for a server if it has hosts.
    pub(crate) fn sign(&self, subject: Subject<'_>) -> Result<Certificate> {
        let hosts: Vec<String> = subject.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, subject.name);
        if !subject.group.is_empty() {
            params
                .distinguished_name
                .push(DnType::OrganizationName, subject.group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Certificate {
            pem: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// A kubeconfig for a client, at `NAME.kubeconfig` of the folder.
    pub(crate) fn kubeconfig(
        &self,
        folder: &Folder,
        file: &str,
        server: &str,
        client: Subject<'_>,
    ) -> Result<()> {
        let certificate = self.sign(client)?;
        let text = kubeconfig(server, &self.0.pem(), client.name, &certificate);
        folder.write(
            &format!("{file}.kubeconfig"),
            &serde_json::to_string_pretty(&text)?,
        )?;
        Ok(())
    }
}

/// A key pair for the tokens of service accounts: the private key and the public one, in PEM.
pub(crate) fn service_account_keys() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

/// JSON is YAML, and kubeconfigs are read as YAML.
fn kubeconfig(server: &str, authority: &str, user: &str, certificate: &Certificate) -> Value {
    let data = |pem: &str| STANDARD.encode(pem);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "rig", "cluster": {
            "server": server,
            "certificate-authority-data": data(authority),
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": data(&certificate.pem),
            "client-key-data": data(&certificate.key),
        }}],
        "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": user}}],
        "current-context": "rig",
    })
}
