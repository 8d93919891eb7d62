//! The file that tells kubectl where the server is and how to come in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A kubeconfig for the server at `address` (`https://127.0.0.1:PORT`), trusting `ca_pem`, with a bearer token.
///
/// It holds a secret: the file must be readable by its owner only.
pub fn kubeconfig(name: &str, address: &str, ca_pem: &str, token: &str) -> String {
    let ca = STANDARD.encode(ca_pem);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (name, address, token) = (quoted(name), quoted(address), quoted(token));
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: {name}\n\
         clusters:\n\
         - name: {name}\n\
         \x20 cluster:\n\
         \x20   server: {address}\n\
         \x20   certificate-authority-data: {ca}\n\
         contexts:\n\
         - name: {name}\n\
         \x20 context:\n\
         \x20   cluster: {name}\n\
         \x20   user: {name}\n\
         \x20   namespace: default\n\
         users:\n\
         - name: {name}\n\
         \x20 user:\n\
         \x20   token: {token}\n"
    )
}
