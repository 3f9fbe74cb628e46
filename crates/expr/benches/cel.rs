//! CEL: the check of an expression, filters on a body of 12 KB, and evaluations that exceed their budget.
//!
//! A filter is to take microseconds, the first evaluation of 1,000 programs milliseconds, and nothing more than 50 ms.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use trigger_expr::Headers;
use trigger_expr::cel::{NoSecrets, Program, Variables, Vocabulary};

const FILTER: &str = "header.match('X-GitHub-Event', 'push') && body.ref.matches('^refs/heads/(main|release-.*)$') && \
    body.repository.full_name in ['acme/shop', 'acme/cart'] && body.commits.exists(c, c.modified.exists(f, \
    f.startsWith('src/')))";

/// Expressions that would take minutes, or gigabytes.
const BOMBS: [(&str, &str); 10] = [
    ("nested", "body.numbers.all(a, body.numbers.all(b, body.numbers.all(c, a + b + c >= 0.0)))"),
    ("constants", "[1, 2, 3, 4].all(a, body.numbers.all(b, body.numbers.all(c, true)))"),
    ("join", "body.numbers.map(n, body.text).join().size()"),
    ("split", "body.text.split('').size()"),
    ("contains", "body.numbers.all(n, !body.text.contains('ab'))"),
    ("equal", "body.numbers.all(n, body.object == body.object)"),
    ("members", "body.words.all(a, a in body.words)"),
    ("pattern", "body.numbers.all(n, !body.mixed.matches('^[ab]*a[ab]{20}$a'))"),
    ("patterns", "body.numbers.all(n, 'abc'.matches('^' + string(n)) || true)"),
    ("yaml", "body.numbers.all(n, 'a: &a [1, 2, 3, 4]\\nb: [*a, *a, *a]'.parseYAML().a.size() > 0)"),
];

fn push() -> Value {
    let commits: Vec<Value> = (0..20)
        .map(|number| {
            json!({
                "id": format!("{number:040}"),
                "message": "change what has to be changed, and say why in a message of some length ".repeat(4),
                "author": {"name": "Ann", "email": "ann@example.com", "username": "ann"},
                "added": [], "removed": [], "modified": [format!("docs/page-{number}.md"), format!("lib/{number}.rs")],
            })
        })
        .chain([json!({"id": "last", "modified": ["src/main.rs"]})])
        .collect();
    json!({
        "ref": "refs/heads/main",
        "repository": {"full_name": "acme/shop", "topics": ["a", "b"]},
        "commits": commits,
    })
}

fn large() -> Value {
    let object: Map<String, Value> =
        (0..20_000).map(|number| (format!("key-{number}"), json!(number))).collect();
    json!({
        "numbers": (0..50_000).collect::<Vec<u32>>(),
        "words": (0..20_000).map(|number| format!("src/directory/file-{number}.rs")).collect::<Vec<_>>(),
        "object": object,
        "text": "a".repeat(1 << 20),
        "mixed": noise(500_000),
    })
}

/// Letters `a` and `b` without a period.
fn noise(length: usize) -> String {
    let mut state = 1_u32;
    let letter = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    (0..length).map(letter).collect()
}

fn headers() -> Headers {
    let mut headers = Headers::new();
    headers.append("X-GitHub-Event", "push".to_owned());
    headers
}

fn compile(source: &str) -> Option<Program> {
    Program::compile(source, Vocabulary::Interceptor).ok()
}

fn cel(criterion: &mut Criterion) {
    let (header, extensions, push, large) = (headers(), Map::new(), push(), large());
    let variables = |body| Variables {
        body,
        header: &header,
        extensions: &extensions,
        request_url: "/",
        event: &Value::Null,
    };
    criterion.bench_function("cel/compile", |bencher| bencher.iter(|| compile(black_box(FILTER))));
    let Some(filter) = compile(FILTER) else { return };
    criterion.bench_function("cel/filter", |bencher| {
        bencher.iter(|| filter.is_true(&variables(black_box(&push)), &NoSecrets));
    });
    let Some(short) = compile("body.ref.startsWith('refs/heads/')") else { return };
    criterion.bench_function("cel/starts_with", |bencher| {
        bencher.iter(|| short.is_true(&variables(black_box(&push)), &NoSecrets));
    });
    let sources = (0..1000).map(|number| FILTER.replace("release", &format!("release-{number}")));
    let programs: Vec<Program> = sources.filter_map(|source| compile(&source)).collect();
    criterion.bench_function("cel/first_evaluation_of_1000", |bencher| {
        bencher.iter_batched_ref(
            || programs.iter().filter_map(|program| compile(program.source())).collect::<Vec<_>>(),
            |programs| {
                programs.iter().filter(|p| p.is_true(&variables(&push), &NoSecrets) == Ok(true)).count()
            },
            criterion::BatchSize::PerIteration,
        );
    });
    let mut bombs = criterion.benchmark_group("cel/bomb");
    bombs.sample_size(10);
    for (name, source) in BOMBS {
        let Some(bomb) = compile(source) else { continue };
        bombs.bench_function(name, |bencher| {
            bencher.iter(|| bomb.is_true(&variables(black_box(&large)), &NoSecrets));
        });
    }
    bombs.finish();
}

criterion_group!(benches, cel);
criterion_main!(benches);
