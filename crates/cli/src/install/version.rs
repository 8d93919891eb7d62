//! Which versions of Kubernetes this version of Plimsoll is for.

use kinds::kube::Client;

use crate::error::Result;

/// The oldest minor version of Kubernetes 1 that is supported, and the newest: the rig's, on which everything is tried,
/// and the three before it, as far back as upstream mends anything.
const SUPPORTED: (u32, u32) = (33, 36);

/// Whether a cluster is of a version that is supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is.
    Supported,
    /// It is not; a sentence that says so.
    Untried(String),
}

/// Asks a cluster for its version.
///
/// # Errors
/// It cannot be asked.
pub async fn check_version(client: &Client) -> Result<Support> {
    let version = client.apiserver_version().await?;
    Ok(judge(&version.major, &version.minor))
}

/// Providers put a `+` behind the minor version.
fn judge(major: &str, minor: &str) -> Support {
    let (oldest, newest) = SUPPORTED;
    let number = minor
        .trim_end_matches(|letter: char| !letter.is_ascii_digit())
        .parse();
    let within = number.is_ok_and(|minor: u32| (oldest..=newest).contains(&minor));
    if major == "1" && within {
        return Support::Supported;
    }
    Support::Untried(format!(
        "this cluster is of Kubernetes {major}.{minor}; supported are 1.{oldest} to 1.{newest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_has_two_ends() {
        let check = |minor: &str, supported: bool| {
            assert_eq!(judge("1", minor) == Support::Supported, supported, "1.{minor}");
        };
        check("32", false);
        check("33", true);
        check("36", true);
        check("36+", true);
        check("37", false);
        check("", false);
        assert_ne!(judge("2", "36"), Support::Supported);
    }
}
