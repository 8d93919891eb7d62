//! Where the use of GPUs is read from, as `--metrics` names it.

use std::path::PathBuf;
use std::str::FromStr;

/// Where the use of GPUs is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The DCGM exporters, if there are any and they may be read.
    Auto,
    /// The DCGM exporters, by the API server's proxy.
    Exporters,
    /// Nowhere.
    Nothing,
    /// An exporter's page or a Prometheus' answer.
    File(PathBuf),
    /// A Prometheus by its address.
    Prometheus(http::Uri),
    /// A Prometheus in the cluster, by the API server's proxy.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its Service and port, as `prometheus:9090`.
        service: String,
    },
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "exporters" => return Ok(Self::Exporters),
            "none" => return Ok(Self::Nothing),
            _ => {}
        }
        if text.contains("://") {
            return text
                .parse()
                .map(Self::Prometheus)
                .map_err(|error| format!("no address: {error}"));
        }
        Ok(service(text).unwrap_or_else(|| Self::File(text.into())))
    }
}

/// `namespace/service:port`; a file of such a name is named `./namespace/service:port`.
fn service(text: &str) -> Option<Source> {
    let (namespace, service) = text.split_once('/')?;
    let (name, port) = service.split_once(':')?;
    let word = |text: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty() && text.chars().all(fits)
    };
    let fits = word(namespace) && word(name) && word(port);
    fits.then(|| Source::Service {
        namespace: namespace.to_owned(),
        service: service.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let check = |text: &str, expected: Source| assert_eq!(text.parse(), Ok(expected), "{text}");
        let of_cluster = Source::Service {
            namespace: "monitoring".to_owned(),
            service: "prometheus:9090".to_owned(),
        };
        check("auto", Source::Auto);
        check("none", Source::Nothing);
        check("exporters", Source::Exporters);
        check("monitoring/prometheus:9090", of_cluster);
        check(
            "./monitoring/prometheus:9090",
            Source::File("./monitoring/prometheus:9090".into()),
        );
        check("metrics.txt", Source::File("metrics.txt".into()));
        check(
            "http://prometheus:9090",
            Source::Prometheus(http::Uri::from_static("http://prometheus:9090")),
        );
        assert!("http://[".parse::<Source>().is_err());
    }
}
