//! Tokens of service accounts: JSON Web Tokens (RFC 7519, HS256) signed with a key that the store keeps.
//!
//! The key is not among the objects, so no client can read it. Tokens stay good over a restart of the control plane:
//! what a pod was given still lets it report.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meta::Timestamp;
use meta::host::Host;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::status::ApiError;
use crate::user::{PolicyRule, User};

/// Where the key is; no API group starts with `~`.
const KEY: &str = "~token-key";
const HEADER: &[u8] = br#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(rename = "ns")]
    pub(crate) namespace: String,
    #[serde(rename = "sub")]
    pub(crate) account: String,
    #[serde(rename = "uid")]
    pub(crate) account_uid: String,
    /// The pod the token was made for: it is void without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<Binding>,
    /// Seconds since 1970.
    #[serde(rename = "exp")]
    pub(crate) expires: i64,
}

/// The object that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Claims {
    /// Seconds that a token lives if nobody says.
    pub(crate) const LIFE: i64 = 3600;
    /// Shortest life, as kube-apiserver.
    pub(crate) const LIFE_MIN: i64 = 600;

    /// Who comes with such a token, and the little that is allowed: reporting the results of one's own workflow's step.
    pub(crate) fn user(&self) -> User {
        let verbs = ["create", "get", "patch"];
        let rule = PolicyRule::new("argoproj.io", &["workflowtaskresults"], &verbs);
        let mut user = User::limited(
            &format!("system:serviceaccount:{}:{}", self.namespace, self.account),
            vec![rule.within(&self.namespace)],
        );
        user.groups.push("system:serviceaccounts".to_owned());
        user.groups
            .push(format!("system:serviceaccounts:{}", self.namespace));
        user
    }
}

/// The key that signs tokens.
pub(crate) struct TokenKey(hmac::Key);

impl TokenKey {
    /// The store's key; a store without one gets one.
    pub(crate) fn load(store: &Store, host: &Host) -> Result<Self, ApiError> {
        let (bytes, _) = store.transact(|tx| {
            if let Some(entry) = tx.get(KEY) {
                return Ok::<_, ApiError>(entry.value.to_vec());
            }
            let mut fresh = vec![0; 32];
            host.random.fill(&mut fresh);
            tx.put(KEY, fresh.clone());
            Ok(fresh)
        })?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A token.
    pub(crate) fn mint(&self, claims: &Claims) -> String {
        // Plain strings and numbers always serialise.
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(HEADER),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What a token says, if it is ours and has not expired.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &signature).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(signed.rsplit_once('.')?.1).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        (claims.expires > now.as_second()).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_fresh_tokens_are_good() {
        let key = |seed: u8| TokenKey(hmac::Key::new(hmac::HMAC_SHA256, &[seed; 32]));
        let claims = Claims {
            namespace: "a".into(),
            account: "default".into(),
            account_uid: "u".into(),
            pod: None,
            expires: 100,
        };
        let token = key(1).mint(&claims);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(key(1).verify(&token, at(99)), Some(claims));
        assert_eq!(key(1).verify(&token, at(100)), None);
        assert_eq!(key(2).verify(&token, at(0)), None);
        assert_eq!(key(1).verify(&token.replace('.', ".."), at(0)), None);
        assert_eq!(key(1).verify("", at(0)), None);
    }
}
