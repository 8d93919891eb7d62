//! `workflow.creationTimestamp.<letter>`: the letters of strftime that Argo knows.

use jiff::tz::TimeZone;
use meta::Timestamp;

use crate::go::layout;

/// The letters, and the Go layout that each stands for.
const LETTERS: [(char, &str); 16] = [
    ('B', "January"),
    ('b', "Jan"),
    ('m', "01"),
    ('A', "Monday"),
    ('a', "Mon"),
    ('d', "02"),
    ('H', "15"),
    ('I', "03"),
    ('M', "04"),
    ('S', "05"),
    ('Y', "2006"),
    ('y', "06"),
    ('p', "PM"),
    ('Z', "MST"),
    ('z', "-0700"),
    ('L', ".000"),
];

/// Each letter with a time as it writes it, in UTC.
pub fn letters(time: Timestamp) -> impl Iterator<Item = (char, String)> {
    let time = time.to_zoned(TimeZone::UTC);
    LETTERS
        .iter()
        .map(move |(letter, pattern)| (*letter, layout::format(pattern, &time)))
}

/// A time in a strftime format; a letter that Argo does not know stays as it is.
pub fn format(format: &str, time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            None | Some('%') => out.push('%'),
            Some(letter) => match LETTERS.iter().find(|(known, _)| *known == letter) {
                Some((_, pattern)) => out.push_str(&layout::format(pattern, &time)),
                None => out.extend(['%', letter]),
            },
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_letters_argo_knows() {
        let time: Timestamp = "2026-11-04T06:07:08.012345Z".parse().unwrap();
        for (pattern, expected) in [
            ("%Y-%m-%d", "2026-11-04"),
            ("%H%M%S%L", "060708.012"),
            ("%A %B %a %b", "Wednesday November Wed Nov"),
            ("%I%p %y %Z %z", "06AM 26 UTC +0000"),
            ("100%% %q %", "100% %q %"),
        ] {
            assert_eq!(format(pattern, time), expected, "{pattern}");
        }
        assert_eq!(
            letters(time).find(|(letter, _)| *letter == 'Y').unwrap().1,
            "2026"
        );
    }
}
