use super::super::{Program, Vocabulary};
use super::{Event, OneSecret};

fn explained(source: &str) -> Vec<String> {
    let program = Program::compile(source, Vocabulary::Interceptor).unwrap();
    let operands = program.explain(&Event::push().variables(), &OneSecret);
    operands.iter().map(ToString::to_string).collect()
}

#[test]
fn each_operand_is_shown_with_the_values_that_it_compares() {
    let source = "body.ref == 'refs/heads/next' && (body.size > 3.0 || body.ref in ['a', 'b'])\n  \
        && !has(body.before)&&body.missing == 1 && body.labels.exists(l, l == 'blue') && body.forced";
    assert_eq!(
        explained(source),
        [
            "body.ref == 'refs/heads/next' is false (body.ref is \"refs/heads/main\")",
            "body.size > 3.0 is true (body.size is 7)",
            "body.ref in ['a', 'b'] is false (body.ref is \"refs/heads/main\")",
            "!has(body.before) is false",
            "body.missing == 1 failed: no such key: missing (body.missing is no such key: missing)",
            "body.labels.exists(l, l == 'blue') is false (body.labels is [\"red\", \"green\"])",
            "body.forced is false",
        ]
    );
}

#[test]
fn the_text_of_an_operand_is_whole() {
    let source = "(body.ref.split('/')[2] + ')').startsWith('x') || ((body.counts)[0] == 2.0) || \
        [1, 2].map(x, (x + 1)) == [2] || size(body.labels) == (1 + 2) || body['odd-name'].x == 2 || {'ü': 1}['ü'] == 2";
    assert_eq!(
        explained(source),
        [
            "(body.ref.split('/')[2] + ')').startsWith('x') is false ((body.ref.split('/')[2] + ')') is \"main)\")",
            "(body.counts)[0] == 2.0 is false ((body.counts)[0] is 3)",
            "[1, 2].map(x, (x + 1)) == [2] is false",
            "size(body.labels) == (1 + 2) is false (size(body.labels) is 2)",
            "body['odd-name'].x == 2 is false (body['odd-name'].x is 1)",
            "{'ü': 1}['ü'] == 2 is false",
        ]
    );
}

#[test]
fn a_filter_without_operators_is_one_operand() {
    assert_eq!(explained("body.labels"), ["body.labels is [\"red\", \"green\"] and not a boolean"]);
    assert_eq!(explained("body.repository"), ["body.repository is a map of 3 and not a boolean"]);
    assert_eq!(
        explained("body.ref.matches('^x')"),
        ["body.ref.matches('^x') is false (body.ref is \"refs/heads/main\")"]
    );
}

#[test]
fn values_that_may_be_secret_are_hidden() {
    assert_eq!(
        explained(
            "header['X-Token'][0] == 'x' && header.canonical('x-token') == 'x' && \
             header.canonical('X-Token').compareSecret('token', 'hook') && header == {} && body.deploy_token == 'x' \
             && header.match('X-Twice', 'x')"
        ),
        [
            "header['X-Token'][0] == 'x' is false (header['X-Token'][0] is (hidden))",
            "header.canonical('x-token') == 'x' is false (header.canonical('x-token') is (hidden))",
            "header.canonical('X-Token').compareSecret('token', 'hook') is true",
            "header == {} is false (header is (hidden))",
            "body.deploy_token == 'x' failed: no such key: deploy_token (body.deploy_token is (hidden))",
            "header.match('X-Twice', 'x') is false (header is (hidden))",
        ]
    );
    assert_eq!(explained("header['X-Token']"), ["header['X-Token'] is (hidden) and not a boolean"]);
    for (source, value) in [
        ("requestURL", "(hidden)"),
        ("requestURL.lowerAscii()", "(hidden)"),
        ("[requestURL].map(u, u)", "(hidden)"),
        ("requestURL.parseURL().rawQuery", "(hidden)"),
        ("requestURL.parseURL().query.map(k, k)", "(hidden)"),
        ("requestURL.parseURL().query['x']", "(hidden)"),
        ("requestURL.parseURL().query.x", "\"1\""),
        ("requestURL.parseURL().path", "\"/hook\""),
        ("(requestURL + '&token=y').parseURL().query.token", "(hidden)"),
        ("(requestURL + 'y').parseURL().path", "(hidden)"),
        ("header.map(k, header[k][0]).join(',')", "(hidden)"),
        ("header.map(k, header.canonical(k)).join(',')", "(hidden)"),
        ("header.map(k, header['X-Twice'][0]).join(',')", "(hidden)"),
        ("[header].map(h, h['X-Twice'][0])", "(hidden)"),
        ("header['X-' + 'Twice'][0]", "(hidden)"),
        ("header['X-Twice'].join(',')", "\"one,two, three\""),
        ("header.canonical('x-twice')", "\"one\""),
        ("(header.match('X-Twice', 'one') ? 'a' : 'b')", "\"a\""),
        ("(header.match('X-Twice', requestURL) ? 'a' : 'b')", "(hidden)"),
        ("{'authorization': body.ref}.authorization", "(hidden)"),
        ("{'Proxy-Authorisation': body.ref}.size()", "(hidden)"),
        ("{'x_auth': body.ref}.x_auth", "(hidden)"),
        ("{'author_oauth': body.ref}.author_oauth", "(hidden)"),
        ("{'author_association': body.ref}.author_association", "\"refs/heads/main\""),
        ("{'coAuthors': body.ref}.coAuthors", "\"refs/heads/main\""),
        ("{'authoredDate': body.ref}.authoredDate", "\"refs/heads/main\""),
    ] {
        let [operand] = &explained(source)[..] else { panic!("one operand") };
        let found = operand.strip_prefix(&format!("{source} is "));
        let shown = found.and_then(|found| found.split_once(" and not a boolean"));
        let Some((shown, seen)) = shown else { panic!("{operand}") };
        assert_eq!(shown, value, "{source}");
        assert!(!seen.contains("x=1") && !seen.contains("s3cr3t"), "{operand}");
    }
    let presented = "body.ref.compareSecret('token', 'hook')";
    assert_eq!(explained(presented), ["body.ref.compareSecret('token', 'hook') is false"]);
}

#[test]
fn an_explanation_is_bounded() {
    let many = vec!["body.ref == 'x'"; 40].join(" || ");
    assert_eq!(explained(&many).len(), 16);
    let long = format!("body.ref + '{}' == body.ref", "y".repeat(1000));
    let [operand] = &explained(&long)[..] else { panic!("one operand") };
    assert!(operand.chars().count() < 3 * (120 + 80) + 40, "{operand}");
    assert!(operand.contains("…"), "{operand}");
}
