//! Filters, overlays and patterns that cost more than they look, or mean nothing.

use serde_json::{Value, json};

use crate::hostile::tenant::SECRET;
use crate::hostile::tenant::listeners::{filter, git, github, interceptor, listener, trigger};

/// Expressions whose evaluation, or even compilation, takes more than it seems.
const BOMBS: [&str; 16] = [
    "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, \
     [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, a + b + c + d + e + f > 0))))))",
    "lists.range(100000000).map(x, x * x).size() > 0",
    "lists.range(3000).map(x, lists.range(3000).map(y, string(x) + string(y))).size() > 0",
    "[['a','b','c','d'].join(','), 'x'].map(a, a + a + a + a + a + a + a + a).map(a, a + a + a + a + a + a + a + a)\
     .map(a, a + a + a + a + a + a + a + a).map(a, a + a + a + a + a + a + a + a).map(a, a + a + a + a + a + a + a + a)\
     .map(a, a + a + a + a + a + a + a + a).map(a, a + a + a + a + a + a + a + a).size() > 0",
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')",
    "body.ref.matches('(((.{0,100}){0,100}){0,100}){0,100}')",
    "body.ref.matches('[\\\\p{L}--[a-z]]{1000}{1000}')",
    "'a: &a [x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d \
     [*c,*c,*c,*c,*c,*c,*c,*c]\\ne: [*d,*d,*d,*d,*d,*d,*d,*d]'.parseYAML().e.size() > 0",
    "'%.1000000000f'.format([1.0]).size() > 0",
    "body.ref.replace('', body.ref).replace('', body.ref).replace('', body.ref).replace('', body.ref).size() > 0",
    "math.greatest(lists.range(1000000)) > 0",
    "body.map(a, body.map(b, body.map(c, a + b + c))).size() > 0",
    "body.marshalJSON().parseJSON().marshalJSON().parseJSON().marshalJSON().size() > 0",
    "lists.range(1000000).map(x, -x).sort().size() > 0",
    "body.ref.translate('(a|e|f|h)*', '$1$1$1$1').translate('', body.ref).translate('', body.ref).size() > 0",
    "base64.encode(bytes(body.marshalJSON())).size() > 0",
];

/// Filters that are none, or whose result is no boolean.
const NO_BOOLEANS: [&str; 26] = [
    "1",
    "1.5",
    "'true'",
    "b'true'",
    "[]",
    "[true]",
    "{}",
    "{'a': true}",
    "null",
    "1/0",
    "1 % 0",
    "body",
    "header",
    "extensions",
    "requestURL",
    "body.no.such",
    "body['ref'][0]",
    "body.ref.size()",
    "dyn(1)",
    "type(true)",
    "duration('1h')",
    "timestamp('9999-12-31T23:59:59Z')",
    "bool('maybe')",
    "true ||",
    " ",
    "body.ref == 1 ? 2 : 3",
];

/// Filters and patterns as long as an object allows.
pub(in crate::hostile::tenant) fn long_filters(name: &str) -> Vec<Value> {
    let long = [
        format!("{}true{}", "(".repeat(60_000), ")".repeat(60_000)),
        format!("{}true", "!".repeat(120_000)),
        format!("true{}", " && true".repeat(14_000)),
        format!("body.ref in [{}'x']", "'refs/heads/main', ".repeat(6_000)),
        format!("body.ref == '{}'", "x".repeat(120_000)),
        format!("body{}", ".a".repeat(60_000)),
    ];
    let filters: Vec<_> = long.iter().map(|text| trigger("long", &[github(SECRET), filter(text)])).collect();
    let pattern = |piece: &str, bytes: usize| piece.repeat(bytes / piece.len());
    let pieces = ["*a", "{a,b}", "[a-z]", "**/", "\\"];
    let globs = |bytes: usize| pieces.map(|piece| trigger("globs", &[git(&[pattern(piece, bytes)])]));
    let many: Vec<_> = (0..250).map(|number| format!("*{number}*a*b*c*d*e*f*g*h*")).collect();
    let many: Vec<_> = (0..100).map(|_| trigger("many", &[git(&many)])).collect();
    vec![
        listener(&format!("{name}-cel"), &filters),
        listener(&format!("{name}-long"), &globs(100_000)),
        listener(&format!("{name}-bounded"), &globs(1000)),
        listener(&format!("{name}-many"), &many),
    ]
}

/// Filters and overlays that are bombs, as many as there may be.
pub(in crate::hostile::tenant) fn cel_bombs(name: &str) -> Vec<Value> {
    let filters = |copies: usize| {
        let of_bomb = |bomb: &&str| trigger("bomb", &vec![filter(bomb); copies]);
        BOMBS.iter().map(of_bomb).collect::<Vec<_>>()
    };
    let doubling: Vec<_> = (0..30)
        .map(|number| {
            let expression = match number {
                0 => "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'".to_owned(),
                _ => format!("extensions.a{0} + extensions.a{0}", number - 1),
            };
            let overlay = json!([{"key": format!("a{number}"), "expression": expression}]);
            interceptor("cel", &[("overlays", overlay)])
        })
        .collect();
    let overlays: Vec<_> = BOMBS.iter().map(|bomb| json!({"key": "a.b.c", "expression": bomb})).collect();
    let overlays = trigger("overlays", &[interceptor("cel", &[("overlays", overlays.into())])]);
    let often: Vec<_> = (0..20).flat_map(|_| filters(1)).collect();
    vec![
        listener(name, &filters(1)),
        listener(&format!("{name}-chains"), &filters(30)),
        listener(&format!("{name}-doubling"), &[trigger("doubling", &doubling)]),
        listener(&format!("{name}-overlays"), &[overlays]),
        listener(&format!("{name}-often"), &often),
    ]
}

/// Filters whose result is no boolean, overlays that have no key, and params of other types.
pub(in crate::hostile::tenant) fn no_booleans(name: &str) -> Vec<Value> {
    let filters = NO_BOOLEANS.map(|text| trigger("none", &[filter(text)]));
    let overlays = NO_BOOLEANS.map(|text| {
        let overlay =
            json!([{"key": text, "expression": text}, {"expression": text}, {"key": "a..b[9999999]"}]);
        trigger("overlay", &[interceptor("cel", &[("overlays", overlay)])])
    });
    let values =
        [json!(null), json!(1), json!([1]), json!({}), json!([[]]), json!({"secretName": 1}), json!("")];
    let params = values.map(|value| {
        let params =
            ["filter", "overlays", "secretRef", "eventTypes", "githubOwners", "addChangedFiles", "branches"]
                .map(|name| (name, value.clone()));
        let kinds = ["github", "gitlab", "bitbucket", "slack", "cel", "git"];
        trigger("params", &kinds.map(|kind| interceptor(kind, &params)))
    });
    vec![
        listener(&format!("{name}-filters"), &filters),
        listener(&format!("{name}-overlays"), &overlays),
        listener(&format!("{name}-params"), &params),
    ]
}
