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
        used_index: false,
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
    used_index: bool,
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
        self.used_index = false;
        let mut good = self.index();
        match self.rest.next_if_eq(&'*') {
            Some(_) => match self.star() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.zero &= width >= 0;
                    spec.width = Some(usize::try_from(width.unsigned_abs()).unwrap_or(0));
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            },
            None => {
                spec.width = self.number();
                good &= !(self.used_index && spec.width.is_some());
            }
        }
        if self.rest.next_if_eq(&'.').is_some() {
            good &= !self.used_index;
            good &= self.index();
            spec.precision = self.precision();
        }
        good &= self.used_index || self.index();
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

    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(10)) {
            self.rest.next();
            let digit = usize::try_from(digit).unwrap_or(0);
            let number = value.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit);
            value = Some(number);
        }
        value.filter(|number| *number <= MAX_WIDTH)
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
        self.used_index = false;
        let fits = usize::try_from(self.value.unsigned_abs()).is_ok_and(|value| value <= MAX_WIDTH);
        (taken && fits).then_some(self.value)
    }

    /// `[n]`, which names the argument that comes next. False where there is no such argument.
    fn index(&mut self) -> bool {
        if self.rest.next_if_eq(&'[').is_none() {
            return true;
        }
        self.reordered = true;
        let number = self.number();
        let closed = self.rest.next_if_eq(&']').is_some();
        self.used_index = true;
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
    match verb {
        'd' | 'v' => digits(spec, value, 10, ""),
        'b' => digits(spec, value, 2, if spec.sharp { "0b" } else { "" }),
        'o' => digits(spec, value, 8, if spec.sharp { "0" } else { "" }),
        'O' => digits(spec, value, 8, "0o"),
        'x' => digits(spec, value, 16, if spec.sharp { "0x" } else { "" }),
        'X' => digits(spec, value, 16, if spec.sharp { "0X" } else { "" }).to_uppercase(),
        'c' => pad(Spec { zero: false, ..spec }, character(value).to_string()),
        'q' => pad(Spec { zero: false, ..spec }, quoted(value)),
        'U' => unicode(spec, value),
        _ => {
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
    let leading_zero = !zeros.is_empty() || digits == "0";
    let prefix = if prefix == "0" && leading_zero { "" } else { prefix };
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

fn pad(spec: Spec, text: String) -> String {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    let blanks = " ".repeat(missing);
    if spec.minus {
        text + &blanks
    } else {
        blanks + &text
    }
}

fn character(value: i64) -> char {
    u32::try_from(value)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn quoted(value: i64) -> String {
    match character(value) {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let text = crate::go::quote(c.encode_utf8(&mut [0; 4]));
            format!("'{}'", &text[1..text.len() - 1])
        }
    }
}

fn unicode(spec: Spec, value: i64) -> String {
    let least = spec.precision.unwrap_or(4).max(4);
    let mut text = format!("U+{value:0least$X}");
    if spec.sharp {
        text.push_str(&format!(" '{}'", character(value)));
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
