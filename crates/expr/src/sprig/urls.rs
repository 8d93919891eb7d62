//! `urlParse` and `urlJoin`, by Go's `net/url`.

use meta::uri::escape;

use super::{any, fixed, maps_text as field, text};
use crate::lang::GoType::{String as Str, StringAny};
use crate::lang::{Answer, Context, Function, Map, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("urlParse", &[Str], parse),
    fixed("urlJoin", &[StringAny], join),
];

/// What a part of a URL allows besides letters, digits and `-_.~`.
const PATH: &str = "$&+,/:;=@";
const FRAGMENT: &str = "$&+,/:;=?@!()*";
const USER: &str = "$&+,;=:";

fn parse(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let source = text(arguments, 0);
    let failed = |reason: &str| {
        format!(
            "unable to parse url: parse {}: {reason}",
            crate::go::quote(source)
        )
    };
    if source.chars().any(|c| c.is_ascii_control()) {
        return Err(failed("net/url: invalid control character in URL"));
    }
    let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
    let (scheme, rest) = scheme(rest).map_err(failed)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let opaque = !scheme.is_empty() && !rest.starts_with('/');
    let (authority, path) = match rest.strip_prefix("//").filter(|_| !opaque) {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let unescaped = |part: &str| {
        unescape(part).map_err(|escape| failed(&format!("invalid URL escape {}", crate::go::quote(&escape))))
    };
    let hostname = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let part = |name: &str, value: String| (name.into(), value.into());
    let fields = [
        part("scheme", scheme.to_ascii_lowercase()),
        part("host", host.to_owned()),
        part("hostname", hostname.trim_matches(['[', ']']).to_owned()),
        part("path", if opaque { String::new() } else { unescaped(path)? }),
        part("query", query.to_owned()),
        part("opaque", if opaque { path.to_owned() } else { String::new() }),
        part("fragment", unescaped(fragment)?),
        part("userinfo", userinfo.to_owned()),
    ];
    Ok(Value::Map(Map::from_iter(fields)))
}

/// The scheme and what follows its colon.
fn scheme(source: &str) -> Result<(&str, &str), &'static str> {
    let end = source.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    match end {
        Some(0) if source.starts_with(':') => Err("missing protocol scheme"),
        Some(end)
            if end > 0
                && source[end..].starts_with(':')
                && source.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            Ok((&source[..end], &source[end + 1..]))
        }
        _ => Ok(("", source)),
    }
}

/// Undoes `%41` and its like, or answers the one that is none.
fn unescape(part: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let invalid = || String::from_utf8_lossy(&rest[..rest.len().min(3)]).into_owned();
            bytes.push(code.ok_or_else(invalid)?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn join(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let get = |name: &str| field(any(arguments, 0), name);
    let (scheme, host, path) = (get("scheme")?, get("host")?, get("path")?);
    let (opaque, userinfo) = (get("opaque")?, get("userinfo")?);
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            if !host.is_empty() || !path.is_empty() || !userinfo.is_empty() {
                url.push_str("//");
            }
            if !userinfo.is_empty() {
                url.push_str(&format!("{}@", escape(&userinfo, USER)));
            }
            url.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            url.push('/');
        }
        url.push_str(&escape(&path, PATH));
    } else {
        url.push_str(&opaque);
    }
    let (query, fragment) = (get("query")?, get("fragment")?);
    if !query.is_empty() {
        url.push_str(&format!("?{query}"));
    }
    if !fragment.is_empty() {
        url.push_str(&format!("#{}", escape(&fragment, FRAGMENT)));
    }
    Ok(url.into())
}
