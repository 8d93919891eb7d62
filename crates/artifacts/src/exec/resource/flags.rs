//! The arguments of a resource step: kubectl's, as far as they change what is asked of the server.
//!
//! Flags that only say how kubectl shows or checks things are read and passed over; one that kubectl does not have is
//! an error, in its words.

use super::Problem;

/// What the flags of a step say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `TYPE NAME...` or `TYPE/NAME...`.
    pub(super) names: Vec<String>,
    /// `--namespace`.
    pub(super) namespace: Option<String>,
    /// `--selector`.
    pub(super) selector: Option<String>,
    /// `--field-selector`.
    pub(super) field_selector: Option<String>,
    /// `--all`.
    pub(super) all: bool,
    /// `--ignore-not-found`.
    pub(super) ignore_not_found: bool,
    /// `--force`.
    pub(super) force: bool,
    /// `--wait=false`.
    pub(super) no_wait: bool,
    /// `--dry-run=server`.
    pub(super) dry_run: bool,
    /// `--validate`: what is done about fields that nobody defined.
    pub(super) validate: Option<String>,
    /// `--cascade`.
    pub(super) cascade: Option<String>,
    /// `--grace-period`.
    pub(super) grace_period: Option<i64>,
    /// `--field-manager`.
    pub(super) field_manager: Option<String>,
    /// `--type` of a patch.
    pub(super) patch_type: Option<String>,
}

/// Flags that take a value.
const VALUED: &[&str] = &[
    "namespace",
    "selector",
    "field-selector",
    "field-manager",
    "type",
    "grace-period",
];
/// Flags that take a value and change nothing here.
const PASSED_OVER: &[&str] = &[
    "output",
    "template",
    "timeout",
    "request-timeout",
    "v",
    "context",
    "chunk-size",
];
/// Flags that are on or off and change nothing here: what is applied is always forced, by the server.
const PASSED_OVER_SWITCHES: &[&str] = &[
    "record",
    "save-config",
    "overwrite",
    "server-side",
    "force-conflicts",
    "now",
    "show-managed-fields",
    "allow-missing-template-keys",
    "recursive",
    "no-headers",
];

impl Flags {
    /// Reads the flags of a step, in their order.
    pub(super) fn read(flags: &[String]) -> Result<Self, Problem> {
        let mut read = Self::default();
        let mut rest = flags.iter();
        while let Some(word) = rest.next() {
            let Some((name, given)) = split(word) else {
                read.names.push(word.clone());
                continue;
            };
            let name = long(name);
            if read.switch(name, given)? {
                continue;
            }
            if !VALUED.contains(&name) && !PASSED_OVER.contains(&name) {
                return Err(unknown(word));
            }
            let value = match given {
                Some(value) => value.to_owned(),
                None => rest.next().cloned().ok_or_else(|| needs_argument(word))?,
            };
            read.valued(name, value)?;
        }
        Ok(read)
    }

    /// Takes a flag that is on or off; `false` if it is not one.
    fn switch(&mut self, name: &str, given: Option<&str>) -> Result<bool, Problem> {
        let on = given != Some("false");
        match name {
            "all" => self.all = on,
            "ignore-not-found" => self.ignore_not_found = on,
            "force" => self.force = on,
            "wait" => self.no_wait = !on,
            "dry-run" => match given {
                Some("none") => {}
                Some("server") => self.dry_run = true,
                _ => {
                    return Err(Problem::Local(
                        "only --dry-run=server is known to resource templates".to_owned(),
                    ));
                }
            },
            "validate" => self.validate = given.map(str::to_owned),
            "cascade" => self.cascade = given.map(str::to_owned),
            _ => return Ok(PASSED_OVER_SWITCHES.contains(&name)),
        }
        Ok(true)
    }

    fn valued(&mut self, name: &str, value: String) -> Result<(), Problem> {
        match name {
            "namespace" => self.namespace = Some(value),
            "selector" => self.selector = Some(value),
            "field-selector" => self.field_selector = Some(value),
            "field-manager" => self.field_manager = Some(value),
            "type" => self.patch_type = Some(value),
            "grace-period" => {
                let seconds = value.parse().map_err(|_| {
                    Problem::Local(format!(
                        "invalid argument \"{value}\" for \"--grace-period\" flag: strconv.ParseInt: parsing \
                         \"{value}\": invalid syntax"
                    ))
                })?;
                self.grace_period = Some(seconds);
            }
            _ => {}
        }
        Ok(())
    }

    /// What the server is asked to do about unknown fields.
    pub(super) fn field_validation(&self) -> &'static str {
        match self.validate.as_deref() {
            Some("false" | "ignore") => "Ignore",
            Some("warn") => "Warn",
            _ => "Strict",
        }
    }
}

/// A flag's name and its value, if that is in the same word; none for a word that is no flag.
/// Rule: pflag's `parseLongArg` and `parseSingleShortArg`: `--name=value`, `-n=value`, `-nvalue`.
fn split(word: &str) -> Option<(&str, Option<&str>)> {
    if let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) {
        return Some(match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag, None),
        });
    }
    let flag = word.strip_prefix('-')?;
    let (name, value) = flag.split_at(flag.chars().next()?.len_utf8());
    let value = value.strip_prefix('=').unwrap_or(value);
    Some((name, Some(value).filter(|_| flag.len() > name.len())))
}

/// A flag's long name.
fn long(name: &str) -> &str {
    match name {
        "n" => "namespace",
        "l" => "selector",
        "o" => "output",
        "R" => "recursive",
        long => long,
    }
}

fn needs_argument(word: &str) -> Problem {
    Problem::Local(format!("flag needs an argument: {word}"))
}

fn unknown(word: &str) -> Problem {
    let name = word.split('=').next().unwrap_or(word);
    Problem::Local(format!("unknown flag: {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flags: &[&str], expected: Result<Flags, &str>) {
        let owned: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let read = Flags::read(&owned).map_err(|problem| problem.to_string());
        assert_eq!(read, expected.map_err(str::to_owned), "{flags:?}");
    }

    #[test]
    fn flags_are_kubectls() {
        let of = |names: &[&str]| Flags {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Flags::default()
        };
        check(&["workflow", "a"], Ok(of(&["workflow", "a"])));
        let selector = Flags {
            selector: Some("a=b".to_owned()),
            ..of(&["configmap"])
        };
        for form in [
            &["--selector", "a=b"][..],
            &["--selector=a=b"],
            &["-l", "a=b"],
            &["-la=b"],
        ] {
            check(&[&["configmap"], form].concat(), Ok(selector.clone()));
        }
        let ignoring = Flags {
            ignore_not_found: true,
            ..Flags::default()
        };
        check(&["--ignore-not-found"], Ok(ignoring));
        check(&["--ignore-not-found=false", "-o", "yaml"], Ok(Flags::default()));
        let unchecked = Flags {
            validate: Some("false".to_owned()),
            ..Flags::default()
        };
        check(&["--validate=false"], Ok(unchecked));
        check(&["--nonsense=1"], Err("error: unknown flag: --nonsense"));
        check(&["--nonsense"], Err("error: unknown flag: --nonsense"));
        check(&["--selector"], Err("error: flag needs an argument: --selector"));
    }
}
