//! The functions, with results that Tekton's interceptor gives for the like.

use serde_json::json;

use super::{OneSecret, assert_failures, assert_values, evaluated, evaluated_with};

#[test]
fn strings() {
    assert_values(&[
        (
            "body.ref.startsWith('refs/') && body.ref.endsWith('main') && body.ref.contains('heads')",
            json!(true),
        ),
        ("body.ref.split('/')", json!(["refs", "heads", "main"])),
        ("body.ref.split('/')[2]", json!("main")),
        ("'a,b,c'.split(',', 2)", json!(["a", "b,c"])),
        ("'a,b'.split(',', 0)", json!([])),
        ("'a,b'.split(',', 1)", json!(["a,b"])),
        ("'üb'.split('')", json!(["ü", "b"])),
        ("'abc'.split('', 2)", json!(["a", "bc"])),
        ("''.split('')", json!([])),
        ("''.split(',')", json!([""])),
        ("body.labels.join('+') + body.labels.join()", json!("red+greenredgreen")),
        ("body.ref.replace('refs/heads/', '')", json!("main")),
        ("'aaaa'.replace('a', 'b', 2) + 'ab'.replace('', '-')", json!("bbaa-a-b-")),
        ("'AbÜ'.lowerAscii() + 'abü'.upperAscii()", json!("abÜABü")),
        ("body.ref.substring(5) + body.ref.substring(0, 4)", json!("heads/mainrefs")),
        ("body.notes.substring(1, 3)", json!("nï")),
        ("body.notes.charAt(0) + 'ab'.charAt(2)", json!("ü")),
        ("body.ref.indexOf('/') * 100 + body.ref.lastIndexOf('/')", json!(410)),
        ("body.ref.indexOf('/', 5) * 100 + body.ref.lastIndexOf('/', 9)", json!(1004)),
        ("'abc'.indexOf('x') + 'abc'.lastIndexOf('x')", json!(-2)),
        ("body.notes.indexOf('c')", json!(3)),
        ("' \\t x '.trim()", json!("x")),
        ("'aü'.reverse()", json!("üa")),
        ("strings.quote('a\"b\\n')", json!("\"a\\\"b\\n\"")),
        ("body.notes.size() + size('ab')", json!(9)),
        ("'a' < 'b' && b'a' < b'b'", json!(true)),
        ("\"\"\"x'y\"\"\" + r'\\d' + '''z'''", json!("x'y\\dz")),
    ]);
    assert_failures(&[
        ("'abc'.charAt(4)", "index out of range: 4"),
        ("'abc'.substring(-1)", "index out of range: -1"),
        ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("'abc'.indexOf('b', 9)", "index out of range: 9"),
        ("body.counts.join()", "no such overload"),
    ]);
}

#[test]
fn regular_expressions() {
    assert_values(&[
        (
            "body.ref.matches('^refs/heads/') && matches(body.ref, 'ma.n$') && !body.ref.matches('^heads')",
            json!(true),
        ),
        ("body.ref.matches('^' + body.ref.substring(0, 4))", json!(true)),
        ("'hello-world_1'.translate('[^a-z]+', '.')", json!("hello.world.")),
        ("'a1b22'.translate('([0-9]+)', '<$1>')", json!("a<1>b<22>")),
        ("'k=v'.translate('(?P<k>.)=(?P<v>.)', '${v}:${k}$$')", json!("v:k$")),
        ("body.ref.translate('/' + '', '-')", json!("refs-heads-main")),
        ("'Größe'.translate('\\\\W', '_')", json!("Gr__e")),
    ]);
    assert_failures(&[
        ("body.ref.matches('[')", "1:17: error parsing regexp"),
        ("body.ref.matches('[' + body.ref)", "failed to evaluate: error parsing regexp"),
    ]);
}

#[test]
fn formats() {
    assert_values(&[
        ("'%s-%d'.format(['a', 1])", json!("a-1")),
        ("'%s %s %s'.format([body.size, 1.5, 1e9])", json!("7 1.5 1000000000")),
        ("'%s'.format([[1, 'a', true, null]])", json!("[1, a, true, null]")),
        ("'%s'.format([{'b': 1, 'a': [2u]}])", json!("{a: [2], b: 1}")),
        ("'%d%%'.format([99u])", json!("99%")),
        ("'%.2f %f %.1e'.format([1.005, 2, 12345.0])", json!("1.00 2.000000 1.2e+04")),
        ("'%b %b %o %x %X'.format([5, true, 8, 255, 'hi'])", json!("101 1 10 ff 6869")),
        (
            "'%s %s'.format([duration('90s'), timestamp('2024-01-02T03:04:05Z')])",
            json!("90s 2024-01-02T03:04:05Z"),
        ),
        ("'%s %s'.format([b'hi', type(1)])", json!("hi int")),
        ("'%f'.format([1.0 / 0.0])", json!("Infinity")),
    ]);
    assert_failures(&[
        ("'%s'.format([])", "index 0 out of range"),
        ("'%d'.format(['a'])", "decimal clause cannot be used with string"),
        ("'%y'.format([1])", "unrecognized formatting clause \"y\""),
        ("'%'.format([1])", "unexpected end of string"),
        ("'%.101f'.format([1.0])", "precision"),
    ]);
}

#[test]
fn lists_and_sets() {
    assert_values(&[
        ("[1, 2, 3, 4].slice(1, 3)", json!([2, 3])),
        ("body.repository.topics.flatten()", json!(["a", "b", ["c"]])),
        ("body.repository.topics.flatten(2)", json!(["a", "b", "c"])),
        ("[1, 2.0, 2, 'a', 'a', [1], [1], 1u].distinct()", json!([1, 2, "a", [1]])),
        ("body.counts.sort()", json!([1, 2, 3])),
        ("['b', 'a'].sort()", json!(["a", "b"])),
        ("[{'n': 2}, {'n': 1}].sortBy(e, e.n)", json!([{"n": 1}, {"n": 2}])),
        ("lists.range(3)", json!([0, 1, 2])),
        ("[1, 2].reverse() + body.labels.reverse()", json!([2, 1, "green", "red"])),
        ("body.labels.first() + body.labels.last()", json!("redgreen")),
        ("[[].first()]", json!([null])),
        ("sets.contains([1, 2], [1]) && !sets.contains([1], [2])", json!(true)),
        ("sets.intersects([1], [2]) || !sets.intersects(body.labels, ['red'])", json!(false)),
        ("sets.equivalent([1, 1], [1]) && !sets.equivalent([1], [1, 2])", json!(true)),
        ("2 in [1, 2] && !('x' in body.labels) && 3 in body.counts", json!(true)),
    ]);
    assert_failures(&[
        ("[1].slice(0, 2)", "cannot slice(0, 2), list is length 1"),
        ("[1].slice(1, 0)", "start index must be less than or equal to end index"),
        ("[1].slice(-1, 0)", "negative indexes not supported"),
        ("[1, 'a'].sort()", "list elements must be comparable and have the same type"),
        ("[[1]].flatten(-1)", "level must be non-negative"),
    ]);
}

#[test]
fn macros() {
    assert_values(&[
        ("body.labels.map(x, x + '!')", json!(["red!", "green!"])),
        ("[1, 2, 3].filter(x, x > 1)", json!([2, 3])),
        ("[1, 2, 3].map(x, x > 1, x * 2)", json!([4, 6])),
        ("body.labels.exists(x, x == 'red') && body.labels.all(x, x.size() > 2)", json!(true)),
        ("body.labels.exists_one(x, x == 'red') && !body.counts.exists_one(x, x > 1)", json!(true)),
        ("body.labels.existsOne(x, x == 'red')", json!(true)),
        ("body.repository.map(k, k).size()", json!(3)),
        ("body.repository.exists(k, k == 'owner')", json!(true)),
        ("header.exists(k, k == 'X-Token')", json!(true)),
        (
            "body.commits.map(c, c.modified.filter(f, f.endsWith('.rs'))).flatten()",
            json!(["src/x.rs", "src/y.rs"]),
        ),
        ("[1, 2].map(x, [3, 4].map(y, x * y))", json!([[3, 4], [6, 8]])),
        ("[1].map(x, [2].map(x, x))", json!([[2]])),
        ("[].all(x, x.y) && ![].exists(x, x.y)", json!(true)),
        ("[1, 'a'].exists(x, x == 'a' || x.nope)", json!(true)),
        ("[0, 1].exists(x, 1 / x == 1) && ![0, 1].all(x, 1 / x == 2)", json!(true)),
        ("size(body.commits.map(c, c.id)) == 2 ? [1].map(body, body + 1) : []", json!([2])),
    ]);
    assert_failures(&[
        ("[0, 2].exists(x, 1 / x == 1)", "division by zero"),
        ("[0, 1].map(x, 1 / x)", "division by zero"),
        ("[1].filter(x, body.ref)", "no such overload"),
        ("body.size.map(x, x)", "no such overload"),
    ]);
}

#[test]
fn math() {
    assert_values(&[
        (
            "[math.greatest(1, 5, 3), math.least([2, 1]), math.greatest(7), math.least(2, 1)]",
            json!([5, 1, 7, 1]),
        ),
        ("math.greatest(1, 2.5) == 2.5 && math.greatest(body.counts) == 3.0", json!(true)),
        (
            "[math.ceil(1.2), math.floor(1.8), math.round(1.5), math.round(-1.5), math.trunc(-1.5)]",
            json!([2, 1, 2, -2, -1]),
        ),
        (
            "[math.abs(-3), math.sign(-7), math.bitAnd(6, 3), math.bitOr(6, 3), math.bitXor(6, 3)]",
            json!([3, -1, 2, 7, 5]),
        ),
        (
            "[math.bitNot(1), math.bitShiftLeft(1, 3), math.bitShiftLeft(1, 64), math.bitShiftRight(-1, 60)]",
            json!([-2, 8, 0, 15]),
        ),
        (
            "math.sqrt(16) == 4.0 && math.isNaN(0.0 / 0.0) && math.isInf(1.0 / 0.0) && math.isFinite(1.0)",
            json!(true),
        ),
        ("[7 / 2, -7 / 2, 7 % 3, -7 % 3]", json!([3, -3, 1, -1])),
        ("body.size * 2.0 + body.ratio", json!(14.25)),
    ]);
    assert_failures(&[
        ("math.greatest([])", "the list must not be empty"),
        ("math.greatest('a')", "found no matching overload for 'math.greatest' applied to '(string)'"),
        ("math.least(1, 2, 'a')", "found no matching overload for 'math.least'"),
        ("math.bitShiftLeft(1, -1)", "negative offset"),
        ("1 % 0", "modulus by zero"),
        ("0u - 1u", "unsigned integer overflow"),
        ("-9223372036854775808 / -1", "integer overflow"),
    ]);
}

#[test]
fn conversions() {
    assert_values(&[
        (
            "[string(body.size), string(body.ratio), string(body.big), string(1), string(2u), string(true)]",
            json!(["7", "0.25", "1.2345678e+07", "1", "2", "true"]),
        ),
        ("string(int(body.big))", json!("12345678")),
        ("[int(1.9), int('-4'), int(3u), int(timestamp('1970-01-01T00:01:00Z'))]", json!([1, -4, 3, 60])),
        ("[uint(1.9), uint('4'), uint(3)]", json!([1, 4, 3])),
        ("[double('1e3'), double(2), double(3u)]", json!([1000, 2, 3])),
        ("[bool('true'), bool('F')]", json!([true, false])),
        ("bytes('hi') == b'hi' && string(b'hi') == 'hi' && size(bytes('ü')) == 2", json!(true)),
        (
            "base64.encode(b'hi') + string(base64.decode('aGk=')) + string(base64.decode('aGk'))",
            json!("aGk=hihi"),
        ),
        (
            "type(1) == int && type(body.size) == double && type(null) == null_type && type([]) == list",
            json!(true),
        ),
        ("type(int) == type && type('') != type(b'')", json!(true)),
        ("dyn(1) == 1.0 && dyn('a') != 1", json!(true)),
    ]);
    assert_failures(&[
        ("int('x')", "type conversion error from 'string' to 'int'"),
        ("int(1e19)", "integer overflow"),
        ("uint(-1)", "unsigned integer overflow"),
        ("bool('yes')", "type conversion error"),
        ("string(b'\\xff')", "invalid UTF-8"),
        ("base64.decode('!')", "illegal base64 data"),
        ("string(body.labels)", "no such overload"),
    ]);
}

#[test]
fn times() {
    assert_values(&[
        ("string(timestamp('2024-01-02T03:04:05Z'))", json!("2024-01-02T03:04:05Z")),
        ("string(timestamp('2024-01-02T03:04:05.25+02:00'))", json!("2024-01-02T01:04:05.25Z")),
        (
            "[string(duration('90s')), string(duration('-1h30m')), string(duration('1.5s'))]",
            json!(["90s", "-5400s", "1.5s"]),
        ),
        ("timestamp('2024-03-05T06:07:08.009Z').getFullYear()", json!(2024)),
        (
            "['2024-03-05T06:07:08.009Z'].map(t, [timestamp(t).getMonth(), timestamp(t).getDate(), \
          timestamp(t).getDayOfMonth(), timestamp(t).getDayOfWeek(), timestamp(t).getDayOfYear()])",
            json!([[2, 5, 4, 2, 64]]),
        ),
        (
            "['2024-03-05T06:07:08.009Z'].map(t, [timestamp(t).getHours(), timestamp(t).getMinutes(), \
          timestamp(t).getSeconds(), timestamp(t).getMilliseconds()])",
            json!([[6, 7, 8, 9]]),
        ),
        (
            "timestamp('2024-03-05T06:07:08Z').getHours('-07:30') * 100 + timestamp('2024-03-05T06:07:08Z').getHours('02:00')",
            json!(2208),
        ),
        (
            "[duration('90m').getHours(), duration('90m').getMinutes(), duration('2s').getMilliseconds()]",
            json!([1, 90, 2000]),
        ),
        (
            "timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')",
            json!(true),
        ),
        (
            "timestamp('2024-01-01T00:00:00Z') + duration('1s') > timestamp('2024-01-01T00:00:00Z')",
            json!(true),
        ),
        ("duration('1s') < duration('2s') && duration('1s') + duration('1s') == duration('2s')", json!(true)),
        (
            "[timestamp(0), timestamp(0) - duration('1s')]",
            json!(["1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"]),
        ),
    ]);
    assert_failures(&[
        ("timestamp('2024-01-02')", "type conversion error from 'string' to 'timestamp'"),
        ("timestamp('now')", "type conversion error"),
        ("duration('1 s')", "type conversion error from 'string' to 'duration'"),
        ("timestamp(0).getHours('Europe/Berlin')", "give UTC or an offset"),
        ("timestamp(253402300799) + duration('1s')", "timestamp overflow"),
        ("timestamp(0)", "a value of type 'google.protobuf.Timestamp' cannot be an extension"),
    ]);
}

#[test]
fn tektons_own() {
    assert_values(&[
        ("header.match('x-github-event', 'push') && !header.match('X-Twice', 'two, three')", json!(true)),
        ("header.match('x-none', '')", json!(true)),
        ("header.canonical('x-twice') + header.canonical('x-none')", json!("one")),
        ("body.ref.truncate(4) + 'ab'.truncate(10) + 'ab'.truncate(0)", json!("refsab")),
        ("'aü'.truncate(2)", json!("a")),
        ("body.text.parseJSON().a.b", json!([1, 2])),
        ("body.text.parseJSON().a.b[1.0] == 2", json!(true)),
        (
            "'a: 1\\nb: [x, y]\\nc: yes\\nd: 010'.parseYAML()",
            json!({"a": 1, "b": ["x", true], "c": true, "d": 8}),
        ),
        ("''.parseYAML()", json!({})),
        (
            "body.repository.marshalJSON()",
            json!("{\"name\":\"shop\",\"owner\":{\"login\":\"ann\"},\"topics\":[[\"a\"],[\"b\",[\"c\"]]]}"),
        ),
        (
            "['<&>', 1.0, 1e21, 1e-7, null].marshalJSON()",
            json!("[\"\\u003c\\u0026\\u003e\",1,1e+21,1e-7,null]"),
        ),
        (
            "'https://u:p%20w@h.test:8443/p%2Fq?a=1&a=2&b=+3#fr%20ag'.parseURL()",
            json!({
                "scheme": "https", "host": "h.test:8443", "path": "/p/q", "rawQuery": "a=1&a=2&b=+3", "fragment": "fr ag",
                "query": {"a": "1,2", "b": " 3"}, "queryStrings": {"a": ["1", "2"], "b": [" 3"]},
                "auth": {"username": "u", "password": "p w"},
            }),
        ),
        ("requestURL.parseURL().query.x + '/a:b'.parseURL().path", json!("1/a:b")),
        ("'//u@h'.parseURL().auth", json!({"username": "u"})),
    ]);
    assert_failures(&[
        ("'ab'.truncate(-1)", "truncate needs a length of at least 0"),
        ("'[1]'.parseJSON()", "parseJSON gives a map, and the text is a array"),
        ("'{'.parseJSON()", "failed to parse as JSON in parseJSON"),
        (
            "'a: [b'.parseYAML()",
            "failed to parse as YAML in parseYAML: it is not valid, or too large or too deep in line 1",
        ),
        ("'http://h:x/'.parseURL()", "failed to parse the URL"),
        ("'%zz'.parseURL()", "failed to parse the URL"),
        ("'a:b'.marshalJSON()", "found no matching overload for 'marshalJSON' applied to 'string.()'"),
        ("truncate('abc', 2)", "found no matching overload for 'truncate'"),
        ("body.match('a', 'b')", "only `header` has header fields"),
    ]);
}

#[test]
fn secrets_are_compared_and_never_shown() {
    for (source, expected) in [
        ("header.canonical('X-Token').compareSecret('token', 'hook')", Ok(json!(true))),
        ("'wrong'.compareSecret('token', 'hook')", Ok(json!(false))),
        ("'s3cr3t'.compareSecret('token', 'hook', 'elsewhere')", Ok(json!(true))),
        ("body.missing.compareSecret('token', 'hook')", Err("no such key: missing")),
        (
            "'x'.compareSecret('none', 'hook')",
            Err(
                "failed to find secret 'v1beta1.SecretRef{SecretKey:\"none\", SecretName:\"hook\"}' in compareSecret: \
                 cannot find none key in secret team/hook",
            ),
        ),
        (
            "'x'.compareSecret('token', 'gone')",
            Err(
                "failed to find secret 'v1beta1.SecretRef{SecretKey:\"token\", SecretName:\"gone\"}' in compareSecret: \
                 secrets \"gone\" not found",
            ),
        ),
        ("'x'.compareSecret('token', 'gone') || true", Ok(json!(true))),
    ] {
        let found = evaluated_with(source, &OneSecret);
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected), "{source}"),
            Err(reason) => {
                let expected = format!(
                    "error evaluating cel expression: expression {source:?} failed to evaluate: {reason}"
                );
                assert_eq!(found, Err(expected));
            }
        }
    }
    let hidden = "{'a': 1}[header['X-Token'][0]]";
    assert_failures(&[(hidden, "failed to evaluate: no such key: (hidden)")]);
    let needed = evaluated("'x'.compareSecret('token', 'hook')").unwrap_err();
    assert!(needed.contains("the key \"token\" of the Secret \"hook\" has to be read first"), "{needed}");
}
