//! Go's `fmt.Sprintf` with one integer, as `withSequence.format` has it: `%02X`, `job-%03d`.

/// The largest width and precision that Go takes.
const MAX_WIDTH: usize = 1_000_000;

/// The largest result, so that a format cannot ask for all memory.
const MAX_LENGTH: usize = 1 << 20;

/// `fmt.Sprintf(format, value)`, with Go's own complaints inside of the text where the format does not fit.
pub fn sprintf(format: &str, value: i64) -> String {
    let mut printer = Printer {
        rest: format.chars().peekable(),
        out: String::new(),
        next: 0,
        value,
        reordered: false,
        after_index: false,
    };
    printer.run();
    printer.out
}

struct Printer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
    /// The argument that the next verb takes; there is one, number zero.
    next: usize,
    value: i64,
    /// An argument was named by number, so that having some left over is no mistake.
    reordered: bool,
    /// What was read last was an index.
    after_index: bool,
}

/// What stands between the `%` and the verb.
#[derive(Clone, Copy, Default)]
struct Spec {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

impl Printer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest.next() {
            if self.out.len() > MAX_LENGTH {
                return;
            }
            if c == '%' {
                self.verb();
            } else {
                self.out.push(c);
            }
        }
        if !self.reordered && self.next == 0 {
            let value = self.value;
            self.out.push_str(&format!("%!(EXTRA int={value})"));
        }
    }

    fn verb(&mut self) {
        let mut spec = self.flags();
        let mut good = self.index();
        if self.rest.next_if_eq(&'*').is_some() {
            self.width(&mut spec);
        } else {
            spec.width = self.number();
            good &= !(self.after_index && spec.width.is_some());
        }
        // A point that ends the format is no precision.
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('.') && ahead.next().is_some() {
            self.rest.next();
            good &= !self.after_index;
            good &= self.index();
            spec.precision = self.precision();
        }
        if !self.after_index {
            good &= self.index();
        }
        match self.rest.next() {
            None => self.out.push_str("%!(NOVERB)"),
            Some('%') => self.out.push('%'),
            Some(verb) if !good => self.out.push_str(&format!("%!{verb}(BADINDEX)")),
            Some(verb) if self.next > 0 => self.out.push_str(&format!("%!{verb}(MISSING)")),
            Some(verb) => {
                self.next += 1;
                let text = integer(spec, verb, self.value);
                self.out.push_str(&text);
            }
        }
    }

    /// The argument as a width; a negative one means left.
    fn width(&mut self, spec: &mut Spec) {
        match self.star() {
            Some(width) => {
                spec.minus |= width < 0;
                spec.zero &= width >= 0;
                spec.width = Some(usize::try_from(width.unsigned_abs()).unwrap_or(0));
            }
            None => self.out.push_str("%!(BADWIDTH)"),
        }
    }

    fn flags(&mut self) -> Spec {
        let mut spec = Spec::default();
        while let Some(flag) = self.rest.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => spec.minus = true,
                '+' => spec.plus = true,
                '#' => spec.sharp = true,
                ' ' => spec.space = true,
                _ => spec.zero = true,
            }
        }
        spec.zero &= !spec.minus;
        spec
    }

    /// A number; one that is too large swallows the rest of the format.
    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(10)) {
            self.rest.next();
            let digit = usize::try_from(digit).unwrap_or(0);
            let number = value.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit);
            if number > MAX_WIDTH {
                self.rest.by_ref().for_each(drop);
                return None;
            }
            value = Some(number);
        }
        value
    }

    fn precision(&mut self) -> Option<usize> {
        if self.rest.next_if_eq(&'*').is_none() {
            return Some(self.number().unwrap_or(0));
        }
        match self.star().and_then(|value| usize::try_from(value).ok()) {
            Some(precision) => Some(precision),
            None => {
                self.out.push_str("%!(BADPREC)");
                None
            }
        }
    }

    /// Takes the argument as a width or precision.
    fn star(&mut self) -> Option<i64> {
        let taken = self.next == 0;
        self.next += 1;
        self.after_index = false;
        let fits = usize::try_from(self.value.unsigned_abs()).is_ok_and(|value| value <= MAX_WIDTH);
        (taken && fits).then_some(self.value)
    }

    /// `[n]`, which names the argument that comes next. False where there is no such argument.
    fn index(&mut self) -> bool {
        self.after_index = self.rest.next_if_eq(&'[').is_some();
        if !self.after_index {
            return true;
        }
        self.reordered = true;
        let number = self.number();
        let closed = self.rest.next_if_eq(&']').is_some();
        match number {
            Some(1) if closed => {
                self.next = 0;
                true
            }
            _ => false,
        }
    }
}

/// An integer by a verb, or Go's complaint about the verb.
fn integer(spec: Spec, verb: char, value: i64) -> String {
    let plain = Spec {
        plus: false,
        sharp: false,
        ..spec
    };
    match verb {
        'd' => digits(spec, value, 10, ""),
        'v' => digits(plain, value, 10, ""),
        'b' => digits(spec, value, 2, if spec.sharp { "0b" } else { "" }),
        'o' => digits(spec, value, 8, if spec.sharp { "0" } else { "" }),
        'O' => digits(spec, value, 8, if spec.sharp { "0o0" } else { "0o" }),
        'x' => digits(spec, value, 16, if spec.sharp { "0x" } else { "" }),
        'X' => digits(spec, value, 16, if spec.sharp { "0X" } else { "" }).to_uppercase(),
        'c' => pad(spec, character(value).to_string()),
        'q' => pad(spec, quoted(value, spec.plus)),
        'U' => unicode(spec, value),
        'T' => pad(spec, "int".chars().take(spec.precision.unwrap_or(3)).collect()),
        _ => {
            let spec = if verb == 'w' { plain } else { spec };
            let shown = digits(spec, value, 10, "");
            format!("%!{verb}(int={shown})")
        }
    }
}

fn digits(spec: Spec, value: i64, radix: u64, prefix: &str) -> String {
    if spec.precision == Some(0) && value == 0 {
        return pad(Spec { zero: false, ..spec }, String::new());
    }
    let sign = match value {
        _ if value < 0 => "-",
        _ if spec.plus => "+",
        _ if spec.space => " ",
        _ => "",
    };
    // Zeros fill the width only where no precision asks for digits.
    let least = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero => width.saturating_sub(sign.len()),
        _ => 0,
    };
    let digits = radix_text(value.unsigned_abs(), radix);
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    // Octal's leading zero may be there already.
    let prefix = match prefix.strip_suffix('0') {
        Some(prefix) if !zeros.is_empty() || digits == "0" => prefix,
        _ => prefix,
    };
    pad(
        Spec { zero: false, ..spec },
        format!("{sign}{prefix}{zeros}{digits}"),
    )
}

fn radix_text(mut value: u64, radix: u64) -> String {
    let mut text = Vec::new();
    loop {
        let digit = u32::try_from(value % radix).unwrap_or(0);
        text.push(char::from_digit(digit, 16).unwrap_or('0'));
        value /= radix;
        if value == 0 {
            return text.into_iter().rev().collect();
        }
    }
}

/// Fills the width: with blanks, or with zeros on the left.
fn pad(spec: Spec, text: String) -> String {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    let zeros = spec.zero && !spec.minus;
    let filling = if zeros { "0" } else { " " }.repeat(missing);
    if spec.minus {
        text + &filling
    } else {
        filling + &text
    }
}

fn character(value: i64) -> char {
    u32::try_from(value)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn quoted(value: i64, ascii: bool) -> String {
    let c = character(value);
    let text = match c {
        '\'' => r"\'".to_owned(),
        '"' => "\"".to_owned(),
        _ if ascii && !c.is_ascii() => match u32::from(c) {
            code @ 0..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        },
        _ => {
            let text = crate::go::quote(c.encode_utf8(&mut [0; 4]));
            text[1..text.len() - 1].to_owned()
        }
    };
    format!("'{text}'")
}

fn unicode(spec: Spec, value: i64) -> String {
    let least = spec.precision.unwrap_or(4).max(4);
    let mut text = format!("U+{value:0least$X}");
    let c = u32::try_from(value).ok().and_then(char::from_u32);
    if let Some(c) = c.filter(|c| spec.sharp && crate::go::is_printable(*c)) {
        text.push_str(&format!(" '{c}'"));
    }
    pad(Spec { zero: false, ..spec }, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_go_does() {
        for (format, value, expected) in [
            ("%d", 7, "7"),
            ("job-%03d.txt", 7, "job-007.txt"),
            ("%02X", 255, "FF"),
            ("%02x", 10, "0a"),
            ("%#x", 255, "0xff"),
            ("%#o|", 8, "010|"),
            ("%O", 8, "0o10"),
            ("%b", 5, "101"),
            ("%5d|", 42, "   42|"),
            ("%-5d|", 42, "42   |"),
            ("%+d", 42, "+42"),
            ("%05d", -42, "-0042"),
            ("%.3d", 7, "007"),
            ("%6.3d|", 7, "   007|"),
            ("%c", 65, "A"),
            ("%q", 65, "'A'"),
            ("%U", 0x1F600, "U+1F600"),
            ("%v", 3, "3"),
            ("100%%", 3, "100%%!(EXTRA int=3)"),
            ("%s", 3, "%!s(int=3)"),
            ("%d-%d", 3, "3-%!d(MISSING)"),
            ("%[1]d-%[1]d", 3, "3-3"),
            ("%[2]d", 3, "%!d(BADINDEX)"),
            ("plain", 3, "plain%!(EXTRA int=3)"),
            ("%", 3, "%!(NOVERB)%!(EXTRA int=3)"),
        ] {
            assert_eq!(sprintf(format, value), expected, "{format}");
        }
    }
}
