//! Semantic versions and constraints on them, by the rules of Masterminds/semver 3.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use regex::{Captures, Regex};

use super::{fixed, text};
use crate::lang::GoType::String as Str;
use crate::lang::{Answer, Function, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("semver", &[Str], |_, a| {
        parse(text(a, 0)).map(|version| Value::Version(Arc::new(version)))
    }),
    fixed("semverCompare", &[Str, Str], |_, a| {
        let constraint = Constraints::parse(text(a, 0))?;
        Ok(constraint.allows(&parse(text(a, 1))?).into())
    }),
];

/// A semantic version. A leading `v` and missing parts are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    /// What follows the dash.
    pub pre: String,
    /// What follows the plus.
    pub metadata: String,
    /// As it was written.
    pub original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

const REST: &str = r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";

/// A pattern of this module's own, compiled once.
fn pattern(
    cell: &'static OnceLock<Option<Regex>>,
    source: impl FnOnce() -> String,
) -> Result<&'static Regex, String> {
    cell.get_or_init(|| Regex::new(&source()).ok())
        .as_ref()
        .ok_or_else(|| "Invalid Semantic Version".to_owned())
}

fn group<'a>(captures: &Captures<'a>, index: usize) -> &'a str {
    captures.get(index).map_or("", |found| found.as_str())
}

/// Reads a version.
pub(crate) fn parse(source: &str) -> Result<Version, String> {
    static VERSION: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = pattern(&VERSION, || format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{REST}$"))?;
    let captures = pattern.captures(source).ok_or("Invalid Semantic Version")?;
    let number = |index| match group(&captures, index).trim_start_matches('.') {
        "" => Ok(0),
        digits => digits
            .parse::<u64>()
            .map_err(|_| format!("error parsing version segment: {digits} is out of range")),
    };
    let pre = group(&captures, 5);
    let leading_zero =
        |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
    if pre.split('.').any(leading_zero) {
        return Err("version segment starts with 0".to_owned());
    }
    Ok(Version {
        major: number(1)?,
        minor: number(2)?,
        patch: number(3)?,
        pre: pre.to_owned(),
        metadata: group(&captures, 8).to_owned(),
        original: source.to_owned(),
    })
}

impl Version {
    /// Precedence; metadata has none.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self)
            .cmp(&numbers(other))
            .then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

/// A version before a release is lower than it; parts are compared as numbers where both are.
fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let ordering = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Alternatives, of which one must hold; each is a list, of which all must.
struct Constraints {
    any: Vec<Vec<Constraint>>,
}

struct Constraint {
    operator: String,
    version: Version,
    /// Something of the version is left open: all of it, from the minor on, or the patch.
    open: Option<Open>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    All,
    Minor,
    Patch,
}

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

fn version_pattern() -> String {
    format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{REST}")
}

impl Constraints {
    fn parse(source: &str) -> Result<Self, String> {
        static VALID: OnceLock<Option<Regex>> = OnceLock::new();
        static EACH: OnceLock<Option<Regex>> = OnceLock::new();
        let valid = pattern(&VALID, || {
            let one = format!(r"({OPERATORS})\s*({})", version_pattern());
            format!(r"^(\s*{one}\s*)((?:\s+|,\s*){one}\s*)*$")
        })?;
        let each = pattern(&EACH, || format!(r"({OPERATORS})\s*({})", version_pattern()))?;
        let source = rewrite_ranges(source)?;
        let mut any = Vec::new();
        for alternative in source.split("||") {
            if !valid.is_match(alternative) {
                return Err(format!("improper constraint: {alternative}"));
            }
            let all = each
                .find_iter(alternative)
                .map(|found| Constraint::parse(found.as_str()));
            any.push(all.collect::<Result<_, _>>()?);
        }
        Ok(Self { any })
    }

    fn allows(&self, version: &Version) -> bool {
        self.any.iter().any(|all| {
            let pre = all.iter().any(|constraint| !constraint.version.pre.is_empty());
            all.iter().all(|constraint| constraint.allows(version, pre))
        })
    }
}

/// `1.2 - 3.4` is `>= 1.2, <= 3.4`.
fn rewrite_ranges(source: &str) -> Result<String, String> {
    static RANGE: OnceLock<Option<Regex>> = OnceLock::new();
    let range = pattern(&RANGE, || {
        let version = version_pattern();
        format!(r"\s*({version})\s+-\s+({version})\s*")
    })?;
    let rewritten = range.replace_all(source, |captures: &Captures<'_>| {
        format!(">= {}, <= {} ", group(captures, 1), group(captures, 11))
    });
    Ok(rewritten.into_owned())
}

impl Constraint {
    fn parse(source: &str) -> Result<Self, String> {
        static ONE: OnceLock<Option<Regex>> = OnceLock::new();
        let one = pattern(&ONE, || {
            format!(r"^\s*({OPERATORS})\s*({})\s*$", version_pattern())
        })?;
        let captures = one
            .captures(source)
            .ok_or_else(|| format!("improper constraint: {source}"))?;
        let part = |index| group(&captures, index);
        let open = |index| matches!(part(index).trim_start_matches('.'), "" | "x" | "X" | "*");
        let rest = part(6);
        let (version, open) = if open(3) {
            (format!("0.0.0{rest}"), Some(Open::All))
        } else if open(4) {
            (format!("{}.0.0{rest}", part(3)), Some(Open::Minor))
        } else if open(5) {
            (format!("{}{}.0{rest}", part(3), part(4)), Some(Open::Patch))
        } else {
            (part(2).to_owned(), None)
        };
        Ok(Self {
            operator: part(1).to_owned(),
            version: parse(&version).map_err(|_| "constraint parser error".to_owned())?,
            open,
        })
    }

    fn allows(&self, version: &Version, pre: bool) -> bool {
        if !version.pre.is_empty() && !pre {
            return false;
        }
        let order = version.order(&self.version);
        match self.operator.as_str() {
            "" | "=" if self.open.is_some() => self.tilde(version),
            "" | "=" => order.is_eq(),
            "!=" => self.differs(version),
            ">" => self.above(version),
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" => self.at_most(version),
            "~" | "~>" => self.tilde(version),
            _ => self.caret(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let own = &self.version;
        let Some(open) = self.open else {
            return version.order(own).is_ne();
        };
        if own.major != version.major {
            return true;
        }
        match open {
            Open::Minor => false,
            _ if own.minor != version.minor => true,
            Open::Patch => compare_pre(&version.pre, &own.pre).is_ne(),
            Open::All if own.patch != version.patch => true,
            Open::All => version.order(own).is_ne(),
        }
    }

    fn above(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.open {
            None => version.order(own).is_gt(),
            _ if version.major != own.major => version.major > own.major,
            Some(Open::Minor) => false,
            Some(Open::Patch) => version.minor > own.minor,
            Some(Open::All) => version.order(own).is_gt(),
        }
    }

    fn at_most(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.open {
            None => version.order(own).is_le(),
            Some(open) => {
                let minor_above = version.minor > own.minor && open != Open::Minor;
                !(version.major > own.major || (version.major == own.major && minor_above))
            }
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.order(own).is_lt() {
            return false;
        }
        let zero = own.major == 0 && own.minor == 0 && own.patch == 0;
        if zero && !matches!(self.open, Some(Open::Minor | Open::Patch)) {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.open == Some(Open::Minor))
    }

    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.order(own).is_lt() {
            return false;
        }
        if own.major > 0 || self.open == Some(Open::Minor) {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.open == Some(Open::Patch) {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}

/// The methods of a version, for `sprig.semver("1.2.3").Major()`.
pub(crate) fn compare(version: &Version, other: &Value) -> Answer {
    match other {
        Value::Version(other) => Ok(Value::Int(version.order(other) as i64)),
        _ => Err("reflect: Call using another type as type *semver.Version".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_hold_as_documented() {
        for (constraint, version, holds) in [
            ("1.2.3", "1.2.3", true),
            ("^1.2.0", "1.2.3", true),
            ("^1.2.0", "2.2.3", false),
            ("^0.2.3", "0.2.9", true),
            ("^0.2.3", "0.3.0", false),
            ("^0.0.3", "0.0.4", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("~1", "1.9.0", true),
            (">= 1.2, < 3.0.0 || >= 4.2.3", "4.2.3", true),
            (">= 1.2, < 3.0.0 || >= 4.2.3", "3.5.0", false),
            ("1.2 - 1.4.5", "1.4.5", true),
            ("1.2.x", "1.2.99", true),
            ("*", "3.1.4", true),
            ("> 11", "11.1.0", false),
            ("> 11.1", "11.2.0", true),
            ("<= 11", "11.9.9", true),
            ("!= 1.x", "1.4.0", false),
            (">= 1.0.0", "1.1.0-beta", false),
            (">= 1.0.0-0", "1.1.0-beta", true),
            ("=1.0", "1.0.7", true),
        ] {
            let constraints = Constraints::parse(constraint).unwrap();
            assert_eq!(
                constraints.allows(&parse(version).unwrap()),
                holds,
                "{constraint} {version}"
            );
        }
        assert!(Constraints::parse("badConstraint").is_err());
        assert!(parse("badVersion").is_err());
    }

    #[test]
    fn versions_are_ordered() {
        let order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0",
            "v1.0.1",
        ];
        for pair in order.windows(2) {
            assert!(
                parse(pair[0]).unwrap().order(&parse(pair[1]).unwrap()).is_lt(),
                "{pair:?}"
            );
        }
        assert_eq!(parse("v1.2-rc.1+meta").unwrap().to_string(), "1.2.0-rc.1+meta");
    }
}
