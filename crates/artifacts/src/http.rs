//! An address of the web as a store of one object: read by GET, written by PUT, as Argo does.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argo::location::{ArtifactLocation, ArtifactoryArtifact, HttpArtifact, HttpAuth};
use futures::SinkExt as _;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use reqwest::{Body, Certificate, Client, ClientBuilder, Identity, Method, Request, Response, Url};

use crate::authorities;
use crate::checksum::Checksum;
use crate::error::{Error, Result};
use crate::remote::{Background, inlet};
use crate::secrets::Secrets;
use crate::store::{Object, Saved, Store};

/// A server that says nothing for so long has gone. Whole transfers may take any time.
const SILENCE: Duration = Duration::from_secs(60);
/// What is to be sent is written here first: servers want to know its size.
const STAGING: &str = "/tmp";

/// An address and how to be let in.
#[derive(Clone, Debug)]
pub struct HttpStore {
    url: String,
    headers: Vec<(String, String)>,
    /// User and password.
    user: Option<(String, String)>,
    /// Certificate and key, in PEM.
    identity: Option<String>,
    background: Arc<Background>,
}

impl HttpStore {
    /// The address of a location; none, if the location is of another kind.
    pub(crate) fn of(
        location: &ArtifactLocation,
        secrets: &Secrets,
        background: impl FnOnce() -> Result<Arc<Background>>,
    ) -> Result<Option<Self>> {
        match (&location.http, &location.artifactory) {
            (Some(http), _) => Self::of_http(http, secrets, background()?).map(Some),
            (None, Some(place)) => Self::of_artifactory(place, secrets, background()?).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn of_http(place: &HttpArtifact, secrets: &Secrets, background: Arc<Background>) -> Result<Self> {
        let auth = place.auth.clone().unwrap_or_default();
        if auth.oauth2.is_some() {
            return Err(Error::Unsupported {
                what: "OAuth2 for an http artifact".into(),
            });
        }
        let headers = place.headers.iter();
        Ok(Self {
            url: place.url.clone(),
            headers: headers
                .map(|header| (header.name.clone(), header.value.clone()))
                .collect(),
            user: user(&auth, secrets)?,
            identity: identity(&auth, secrets)?,
            background,
        })
    }

    fn of_artifactory(
        place: &ArtifactoryArtifact,
        secrets: &Secrets,
        background: Arc<Background>,
    ) -> Result<Self> {
        let name = secrets.value(place.username_secret.as_ref())?;
        let password = secrets.value(place.password_secret.as_ref())?;
        Ok(Self {
            url: place.url.clone(),
            headers: Vec::new(),
            user: name.map(|name| (name, password.unwrap_or_default())),
            identity: None,
            background,
        })
    }

    fn client(&self) -> reqwest::Result<Client> {
        let mut builder = ClientBuilder::new().read_timeout(SILENCE);
        if self.url.starts_with("http://") {
            // No certificates are needed, which a step's image may not have.
            builder = builder.tls_certs_only([]);
        } else if let Some(pem) = authorities::beside_this_program() {
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem)?);
        }
        if let Some(pem) = &self.identity {
            builder = builder.identity(Identity::from_pem(pem.as_bytes())?);
        }
        builder.build()
    }

    fn request(&self, client: &Client, method: Method) -> Result<Request> {
        let url = Url::parse(&self.url).map_err(|_| Error::BadKey {
            key: self.url.clone(),
        })?;
        let mut request = client.request(method, url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((name, password)) = &self.user {
            request = request.basic_auth(name, Some(password));
        }
        request.build().map_err(|error| self.failed(error))
    }

    /// Sends a request, with a body of a size; the answer, if it is a good one.
    fn send(&self, method: Method, body: Option<(Body, u64)>) -> Result<Response> {
        let client = self.client().map_err(|error| self.failed(error))?;
        let mut request = self.request(&client, method)?;
        if let Some((body, size)) = body {
            request.headers_mut().insert(CONTENT_LENGTH, size.into());
            *request.body_mut() = Some(body);
        }
        let sent = self
            .background
            .start(async move { client.execute(request).await });
        let response = sent.wait()?.map_err(|error| self.failed(error))?;
        match response.status() {
            StatusCode::NOT_FOUND => Err(Error::NotFound {
                key: self.url.clone(),
            }),
            status if status.is_success() => Ok(response),
            status => Err(Error::Store {
                key: self.url.clone(),
                source: format!("the server answered {status}").into(),
            }),
        }
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        Error::Store {
            key: self.url.clone(),
            source: Box::new(error),
        }
    }
}

fn user(auth: &HttpAuth, secrets: &Secrets) -> Result<Option<(String, String)>> {
    let Some(basic) = &auth.basic_auth else {
        return Ok(None);
    };
    let name = secrets.value(basic.username_secret.as_ref())?;
    let password = secrets.value(basic.password_secret.as_ref())?;
    Ok(Some((name.unwrap_or_default(), password.unwrap_or_default())))
}

fn identity(auth: &HttpAuth, secrets: &Secrets) -> Result<Option<String>> {
    let Some(pair) = &auth.client_cert else {
        return Ok(None);
    };
    let certificate = secrets.value(pair.client_cert_secret.as_ref())?;
    let key = secrets.value(pair.client_key_secret.as_ref())?;
    Ok(Some(format!(
        "{}\n{}",
        certificate.unwrap_or_default(),
        key.unwrap_or_default()
    )))
}

impl Store for HttpStore {
    fn put(&self, _: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<Saved> {
        let staging = Path::new(STAGING);
        let mut writer = Checksum::new(nameless(staging).map_err(Error::io("create", staging))?);
        fill(&mut writer)?;
        let (saved, mut file) = writer.finish();
        file.seek(SeekFrom::Start(0))
            .map_err(Error::io("read", staging))?;
        let body = Body::from(tokio::fs::File::from_std(file));
        self.send(Method::PUT, Some((body, saved.size)))?;
        Ok(saved)
    }

    fn put_tree(&self, _: &str, _: &Path) -> Result<Saved> {
        Err(Error::Unsupported {
            what: "a folder that is not archived, at an address of the web,".into(),
        })
    }

    fn open(&self, _: &str) -> Result<Object> {
        let mut response = self.send(Method::GET, None)?;
        let (mut to, read) = inlet();
        let _ = self.background.start(async move {
            while let Some(piece) = response.chunk().await.transpose() {
                if to.send(piece.map_err(std::io::Error::other)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Object::File(Box::new(read)))
    }

    fn get_tree(&self, key: &str, _: &Path) -> Result<()> {
        Err(Error::NotFound { key: key.to_owned() })
    }
}

/// A file that goes with whoever holds it.
fn nameless(folder: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let file = open(
        folder,
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )?;
    Ok(File::from(file))
}
