//! Sprig's functions: the examples of its documentation, and what it does where it does not say.

use expr::lang::{self, Context, Environment, Value};

fn eval(source: &str) -> Result<String, String> {
    let environment = Environment::argo([("n", Value::Int(3))]);
    let mut context = Context::at("2026-11-24T06:00:00Z".parse().expect("a time"));
    let value = lang::eval(source, &environment, &mut context).map_err(|error| error.message)?;
    lang::to_json(&value)
}

fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(eval(source).as_deref(), Ok(*expected), "{source}");
    }
}

#[test]
fn strings() {
    check(&[
        (r#"sprig.abbrev(5, "hello world")"#, r#""he...""#),
        (r#"sprig.abbrevboth(5, 10, "1234 5678 9123")"#, r#""...5678...""#),
        (r#"sprig.trunc(5, "hello world")"#, r#""hello""#),
        (r#"sprig.trunc(-5, "hello world")"#, r#""world""#),
        (r#"sprig.title("hello world")"#, r#""Hello World""#),
        (r#"sprig.untitle("Hello World")"#, r#""hello world""#),
        (r#"sprig.repeat(3, "hello")"#, r#""hellohellohello""#),
        (r#"sprig.substr(0, 5, "hello world")"#, r#""hello""#),
        (r#"sprig.nospace("hello w o r l d")"#, r#""helloworld""#),
        (r#"sprig.trimAll("$", "$5.00")"#, r#""5.00""#),
        (r#"sprig.trimSuffix("-", "hello-")"#, r#""hello""#),
        (r#"sprig.initials("First Try")"#, r#""FT""#),
        (r#"sprig.wrapWith(5, "\t", "Hello World")"#, r#""Hello\tWorld""#),
        (r#"sprig.wrap(80, "short")"#, r#""short""#),
        (r#"sprig.contains("cat", "catch")"#, "true"),
        (r#"sprig.quote("a", 1, nil)"#, r#""\"a\" \"1\"""#),
        (r#"sprig.squote("a", 1)"#, r#""'a' '1'""#),
        (
            r#"sprig.cat("hello", "beautiful", "world")"#,
            r#""hello beautiful world""#,
        ),
        (r#"sprig.indent(4, "a\nb")"#, r#""    a\n    b""#),
        (r#"sprig.nindent(2, "a")"#, r#""\n  a""#),
        (
            r#"sprig.replace(" ", "-", "I Am Henry VIII")"#,
            r#""I-Am-Henry-VIII""#,
        ),
        (
            r#"sprig.plural("one anchovy", "many anchovies", 1)"#,
            r#""one anchovy""#,
        ),
        (r#"sprig.snakecase("FirstName")"#, r#""first_name""#),
        (r#"sprig.snakecase("HTTP20xOK")"#, r#""http_20x_ok""#),
        (r#"sprig.snakecase("Bld4Floor3rd")"#, r#""bld4_floor_3rd""#),
        (r#"sprig.kebabcase("FirstName")"#, r#""first-name""#),
        (r#"sprig.camelcase("http_server")"#, r#""HttpServer""#),
        (r#"sprig.camelcase("_complex__case_")"#, r#""_Complex_Case_""#),
        (r#"sprig.swapcase("aBcD")"#, r#""AbCd""#),
        (r#"sprig.split("$", "foo$bar$baz")._1"#, r#""bar""#),
        (r#"sprig.split("$", "foo$bar$baz")._9"#, r#""""#),
        (r#"sprig.splitn("$", 2, "foo$bar$baz")._1"#, r#""bar$baz""#),
        (r#"sprig.splitList("$", "foo$bar$baz")"#, r#"["foo","bar","baz"]"#),
        (r#"sprig.join("_", [1, "a", nil])"#, r#""1_a""#),
        (r#"sprig.sortAlpha(["d", "a", "c"])"#, r#"["a","c","d"]"#),
        (r#"sprig.toString(1.5)"#, r#""1.5""#),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("sprig.add(1, 2, 3)", "6"),
        ("sprig.add1(n)", "4"),
        ("sprig.sub(5, 3)", "2"),
        ("sprig.div(10, 3)", "3"),
        ("sprig.mod(10, 3)", "1"),
        ("sprig.mul(2, 3, 4)", "24"),
        ("sprig.addf(0.1, 0.2)", "0.3"),
        ("sprig.subf(7.5, 2, 3)", "2.5"),
        ("sprig.divf(1, 3)", "0.3333333333333333"),
        ("sprig.mulf(1.1, 1.1)", "1.21"),
        ("sprig.max(1, 2, 3)", "3"),
        ("sprig.minf(1, 2.5)", "1"),
        ("sprig.floor(123.9)", "123"),
        ("sprig.ceil('123.001')", "124"),
        ("sprig.round(123.5555, 3)", "123.556"),
        ("sprig.round(123.555, 2, 0.9)", "123.55"),
        ("sprig.int('0x10')", "16"),
        ("sprig.int('12.0')", "12"),
        ("sprig.int64('x')", "0"),
        ("sprig.float64('3.5')", "3.5"),
        ("sprig.atoi('-7')", "-7"),
        ("sprig.toDecimal('777')", "511"),
        ("sprig.until(5)", "[0,1,2,3,4]"),
        ("sprig.untilStep(3, 6, 2)", "[3,5]"),
        ("sprig.seq(0, 2, 10)", r#""0 2 4 6 8 10""#),
        ("sprig.seq(0, -2, -5)", r#""0 -2 -4""#),
        ("sprig.seq(-3)", r#""1 0 -1 -2 -3""#),
    ]);
}

#[test]
fn lists_and_dictionaries() {
    check(&[
        ("sprig.list(1, 'a')", r#"[1,"a"]"#),
        ("sprig.first([1, 2])", "1"),
        ("sprig.rest([1, 2, 3])", "[2,3]"),
        ("sprig.initial([1, 2, 3])", "[1,2]"),
        ("sprig.rest([])", "null"),
        ("sprig.append([1], 2)", "[1,2]"),
        ("sprig.prepend([1], 2)", "[2,1]"),
        ("sprig.concat([1], ['a'])", r#"[1,"a"]"#),
        ("sprig.reverse([1, 2])", "[2,1]"),
        ("sprig.uniq([1, 1, 2])", "[1,2]"),
        ("sprig.without([1, 2, 3], 3)", "[1,2]"),
        ("sprig.has(4, [1, 4])", "true"),
        ("sprig.compact([1, '', 'x', nil])", r#"[1,"x"]"#),
        ("sprig.slice([1, 2, 3, 4], 1, 3)", "[2,3]"),
        ("sprig.chunk(2, [1, 2, 3])", "[[1,2],[3]]"),
        ("sprig.dict('a', 1, 'b')", r#"{"a":1,"b":""}"#),
        ("sprig.get({a: 1}, 'b')", r#""""#),
        ("sprig.set({a: 1}, 'b', 2)", r#"{"a":1,"b":2}"#),
        ("sprig.unset({a: 1, b: 2}, 'b')", r#"{"a":1}"#),
        ("sprig.hasKey({a: 1}, 'a')", "true"),
        ("sprig.pluck('a', {a: 1}, {b: 2}, {a: 3})", "[1,3]"),
        ("sprig.keys({b: 1, a: 2})", r#"["a","b"]"#),
        ("sprig.pick({a: 1, b: 2}, 'a')", r#"{"a":1}"#),
        ("sprig.omit({a: 1, b: 2}, 'a')", r#"{"b":2}"#),
        (
            "sprig.merge({a: 1, c: {x: 1}}, {a: 2, b: 3, c: {y: 2}})",
            r#"{"a":1,"b":3,"c":{"x":1,"y":2}}"#,
        ),
        ("sprig.mergeOverwrite({a: 1}, {a: 2})", r#"{"a":2}"#),
        ("sprig.dig('a', 'b', 'none', {a: {b: 1}})", "1"),
        ("sprig.dig('a', 'x', 'none', {a: {b: 1}})", r#""none""#),
        ("sprig.values({b: 1, a: 2})", "[2,1]"),
    ]);
}

#[test]
fn defaults_types_and_encodings() {
    check(&[
        ("sprig.default('foo', '')", r#""foo""#),
        ("sprig.default('foo', 'bar')", r#""bar""#),
        ("sprig.coalesce(0, '', 'x')", r#""x""#),
        ("sprig.empty([])", "true"),
        ("sprig.all(1, 'a', true)", "true"),
        ("sprig.any(0, '')", "false"),
        ("sprig.ternary('yes', 'no', true)", r#""yes""#),
        ("sprig.fromJson('{\"a\": [1]}').a", "[1]"),
        ("sprig.toJson({a: '<b>'})", r#""{\"a\":\"\\u003cb\\u003e\"}""#),
        ("sprig.toRawJson({a: '<b>'})", r#""{\"a\":\"\u003cb\u003e\"}""#),
        ("sprig.toPrettyJson([1])", r#""[\n  1\n]""#),
        ("sprig.typeOf(1.5)", r#""float64""#),
        ("sprig.kindOf([1])", r#""slice""#),
        ("sprig.kindIs('string', 'a')", "true"),
        ("sprig.deepEqual([1, 2], [1, 2])", "true"),
        ("sprig.b64enc('hello')", r#""aGVsbG8=""#),
        ("sprig.b64dec('aGVsbG8=')", r#""hello""#),
        ("sprig.b32enc('hi')", r#""NBUQ====""#),
        (
            "sprig.sha1sum('abc')",
            r#""a9993e364706816aba3e25717850c26c9cd0d89d""#,
        ),
        (
            "sprig.sha256sum('abc')",
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        ),
        ("sprig.adler32sum('Wikipedia')", r#""300286872""#),
        ("sprig.base('foo/bar/baz')", r#""baz""#),
        ("sprig.ext('foo.bar')", r#"".bar""#),
        (
            "sprig.urlJoin(sprig.urlParse('http://a:b@c.d:80/e?f=g#h'))",
            r#""http://a:b@c.d:80/e?f=g#h""#,
        ),
    ]);
}

#[test]
fn dates_regular_expressions_and_versions() {
    check(&[
        ("sprig.date('2006-01-02', sprig.now())", r#""2026-11-24""#),
        ("sprig.dateInZone('15:04', 0, 'UTC')", r#""00:00""#),
        (
            "sprig.dateModify('-1.5h', sprig.now()) | string()",
            r#""2026-11-24 04:30:00 +0000 UTC""#,
        ),
        (
            "sprig.htmlDate(sprig.toDate('2006/01/02', '2017/12/31'))",
            r#""2017-12-31""#,
        ),
        (
            "sprig.ago(sprig.toDate('2006-01-02', '2026-11-23'))",
            r#""30h0m0s""#,
        ),
        ("sprig.duration('95')", r#""1m35s""#),
        ("sprig.durationRound('2h10m5s')", r#""2h""#),
        (
            "sprig.unixEpoch(sprig.toDate('2006-01-02', '1970-01-02'))",
            r#""86400""#,
        ),
        ("sprig.regexMatch('^[a-z]+$', 'abc')", "true"),
        (
            "sprig.regexFindAll('[2,4,6,8]', '123456789', -1)",
            r#"["2","4","6","8"]"#,
        ),
        ("sprig.regexFind('[a-zA-Z][1-9]', 'abcd1234')", r#""d1""#),
        (
            "sprig.regexReplaceAll('a(x*)b', '-ab-axxb-', '${1}W')",
            r#""-W-xxW-""#,
        ),
        (
            "sprig.regexReplaceAllLiteral('a(x*)b', '-ab-axxb-', '${1}')",
            r#""-${1}-${1}-""#,
        ),
        ("sprig.regexSplit('z+', 'pizza', -1)", r#"["pi","a"]"#),
        ("sprig.regexQuoteMeta('1.2.3')", r#""1\\.2\\.3""#),
        ("sprig.semver('1.2.3-beta.1+abc').Prerelease()", r#""beta.1""#),
        ("sprig.semver('1.2.3').Compare(sprig.semver('1.3.0'))", "-1"),
        ("sprig.semverCompare('^1.2.0', '1.2.3')", "true"),
        ("sprig.semverCompare('>=1.2, <2', '2.0.1')", "false"),
    ]);
}

#[test]
fn what_is_refused() {
    for (source, message) in [
        ("sprig.fail('no')", "no"),
        ("sprig.env('HOME')", "invalid operation: cannot call nil"),
        (
            "sprig.trunc('5', 'abc')",
            "reflect: Call using string as type int",
        ),
        ("sprig.trunc(5)", "invalid number of arguments: expected 2, got 1"),
        ("sprig.div(1, 0)", "runtime error: integer divide by zero"),
        ("sprig.first(1)", "Cannot find first on type int"),
        (
            "sprig.regexFind('(', 'a')",
            "error parsing regexp: unclosed group",
        ),
        ("sprig.uuidv4()", "randomness is not available here"),
        ("sprig.until(100000000)", "memory budget exceeded"),
        ("sprig.repeat(100000000, 'abc')", "memory budget exceeded"),
    ] {
        assert_eq!(eval(source), Err(message.to_owned()), "{source}");
    }
}

#[test]
fn randomness_is_the_evaluations() {
    let mut next = 0_u8;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(3);
            *byte = next;
        }
    };
    let mut context = Context::default().with_random(&mut random);
    let environment = Environment::argo([]);
    let source = "[sprig.uuidv4(), sprig.randAlphaNum(8), sprig.randNumeric(4), sprig.randInt(5, 7)]";
    let value = lang::eval(source, &environment, &mut context);
    let Ok(Value::Array(values)) = value else {
        panic!("{value:?}");
    };
    let texts: Vec<_> = values.items().iter().map(lang::go_string).collect();
    assert_eq!((texts[0].len(), &texts[0][14..15]), (36, "4"));
    assert!(texts[1].len() == 8 && texts[1].chars().all(|c| c.is_ascii_alphanumeric()));
    assert!(texts[2].len() == 4 && texts[2].chars().all(|c| c.is_ascii_digit()));
    assert!(texts[3] == "5" || texts[3] == "6");
}
