//! Expressions that would take too long, too much memory or too much stack. Each is refused, or ends early.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::super::context::Fault;
use super::super::encode::encode;
use super::super::evaluate::Evaluation;
use super::super::limits::{DEEPEST, LONGEST_EXPRESSION, MOST_MADE, MOST_STEPS};
use super::super::{NoSecrets, Program, Variables, Vocabulary};
use crate::Headers;

/// Builds without optimisation are slow, and tests run beside each other, so that they take a part of the budget.
const PART: usize = 10;
/// A part of the budget may take this long in such a build. In a release build the whole takes 50 ms.
const PATIENCE: Duration = Duration::from_secs(5);

/// The value of an expression within a part of the budget.
fn outcome(source: &str, body: &Value, part: usize) -> Result<Value, Fault> {
    let program =
        Program::compile(source, Vocabulary::Interceptor).unwrap_or_else(|error| panic!("{source}: {error}"));
    let (header, extensions) = (Headers::new(), Map::new());
    let variables =
        Variables { body, header: &header, extensions: &extensions, request_url: "/", event: &Value::Null };
    let begin = Instant::now();
    let mut evaluation =
        Evaluation::new(variables, &NoSecrets).with_budget(MOST_STEPS / part, MOST_MADE / part);
    let value = evaluation.value(program.root()).and_then(|value| encode(evaluation.context(), &value));
    let taken = begin.elapsed();
    assert!(taken < PATIENCE, "{source} took {taken:?}");
    value
}

fn large_body() -> Value {
    let numbers: Vec<u32> = (0..50_000).collect();
    let words: Vec<String> = (0..20_000).map(|number| format!("src/directory/file-{number}.rs")).collect();
    let mut object = Map::new();
    for number in 0..20_000 {
        object.insert(format!("key-{number}"), json!(number));
    }
    json!({
        "numbers": numbers,
        "words": words,
        "object": object,
        "text": "a".repeat(1 << 20),
        "mixed": "ab".repeat(200_000),
        "pattern": "(a|b|ab)*c",
        "lists": vec![vec![1; 100]; 2000],
        "quotes": "'".repeat(1 << 20),
    })
}

#[test]
fn evaluations_end_within_their_budget() {
    let body = large_body();
    let repeated = format!("'{}'.format([{}])", "%s".repeat(20), vec!["body.text"; 20].join(", "));
    for source in [
        "body.numbers.exists(a, body.numbers.exists(b, a + b < 0.0))",
        "body.numbers.all(a, body.numbers.all(b, body.numbers.all(c, body.numbers.all(d, true))))",
        "body.numbers.map(a, body.numbers.map(b, a * b)).size()",
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(a, body.numbers.all(b, b >= 0))",
        "body.words.all(a, a in body.words)",
        "body.words.map(w, w + w + w + w + w + w + w + w).join(',').size()",
        "body.numbers.map(n, body.text).join().size()",
        "body.numbers.map(n, body.text.replace('a', 'bb')).size()",
        "body.text.replace('a', 'aaaaaaaaaaaaaaaa').size()",
        "body.text.replace('', 'b').size()",
        "body.text.split('').size()",
        "body.text.split('a').size()",
        "body.numbers.all(n, body.text.contains('b') || true)",
        "body.numbers.all(n, body.text.indexOf('ab') < 0)",
        "body.numbers.all(n, size(body.text) > 0)",
        "body.numbers.all(n, body.text == body.text)",
        "body.numbers.all(n, body.text <= body.text)",
        "body.numbers.all(n, body.object == body.object)",
        "body.numbers.all(n, body.object.size() > 0 && body.object.all(k, true))",
        "body.numbers.map(n, body.lists.flatten()).size()",
        "body.numbers.map(n, body.numbers.sort()).size()",
        "body.words.sortBy(w, body.words.sortBy(v, v)[0]).size()",
        "sets.equivalent(body.words, body.words.reverse())",
        "body.lists.distinct().size()",
        "lists.range(1000000000).size()",
        "lists.range(9223372036854775807).size()",
        "body.numbers.map(n, lists.range(1000)).size()",
        "body.text.matches(body.pattern)",
        "body.mixed.matches('(a|b|ab|ba|aba|bab)*c[abc]{20,200}d')",
        "body.numbers.all(n, body.pattern.matches(body.pattern))",
        "body.text.translate('a', 'aaaaaaaaaaaaaaaa').size()",
        "body.mixed.translate('(a)(b)', '$1$2$1$2$1$2$1$2').size()",
        "body.mixed.substring(0, 20000).translate('[ab]*x|b', '-').size()",
        "body.text.translate('(a+)', '$1$1$1$1$1$1$1$1$1$1$1$1$1$1').size()",
        "strings.quote(body.quotes + body.quotes).size()",
        "base64.encode(bytes(body.text + body.text + body.text)).size()",
        "body.numbers.map(n, body).marshalJSON().size()",
        "body",
        "(body.text + body.text + body.text + body.text + body.text).reverse()",
        "body.numbers.all(n, body.text.substring(1000000).size() > 0)",
        "body.numbers.map(n, '{\"a\": 1}'.parseJSON()).size()",
        "body.numbers.all(n, 'a: &a [1, 2]\\nb: [*a, *a]'.parseYAML().a.size() > 0)",
        "[body.text + ''].map(t, body.numbers.map(n, t.trim() + t)).size()",
        "[body.text].map(x, [x + x].map(y, [y + y].map(z, z + z)))",
        &repeated,
    ] {
        let found = outcome(source, &body, PART);
        assert!(matches!(found, Err(Fault::Unbounded(_))), "{source}: {}", described(&found));
    }
}

fn described(found: &Result<Value, Fault>) -> String {
    match found {
        Ok(value) => value.to_string().chars().take(80).collect(),
        Err(fault) => fault.text().chars().take(200).collect(),
    }
}

#[test]
fn copies_of_made_texts_end_with_the_memory_and_not_with_the_steps() {
    let body = large_body();
    for source in [
        "[body.text + body.text].map(t, body.numbers.map(n, t.substring(0)))",
        "[body.text + body.text].map(t, body.numbers.map(n, t.substring(1, 2097152)))",
        "[body.text + body.text].map(t, body.numbers.map(n, t.trim()))",
        "[body.text + body.text].map(t, body.numbers.map(n, t.truncate(2097152)))",
        "[body.text + body.text].map(t, body.numbers.map(n, t.split('b')))",
    ] {
        let found = outcome(source, &body, 1);
        let reason = Fault::too_much_made().text();
        assert_eq!(found.map_err(|fault| fault.text()).unwrap_err(), reason, "{source}");
    }
}

#[test]
fn a_copy_of_a_made_text_is_paid_for_once() {
    let place = size_of::<super::super::value::Value<'_>>();
    for (source, made) in [
        ("'abcdef'.substring(1)", 0),
        ("'abcdef'.charAt(1)", 0),
        ("' bcdef'.trim()", 0),
        ("'abcdef'.truncate(4)", 0),
        ("'abcdef'.split('c')", 2 * place),
        ("('abc' + 'def').substring(1)", 6 + 5),
        ("('abc' + 'def').substring(1, 3)", 6 + 2),
        ("('abc' + 'def').charAt(1)", 6 + 1),
        ("(' bc' + 'def').trim()", 6 + 5),
        ("('abc' + 'def').truncate(4)", 6 + 4),
        ("('abc' + 'def').split('c')", 6 + 5 + 2 * place),
    ] {
        let program = Program::compile(source, Vocabulary::Interceptor).unwrap();
        let (header, extensions) = (Headers::new(), Map::new());
        let variables = Variables {
            body: &Value::Null,
            header: &header,
            extensions: &extensions,
            request_url: "/",
            event: &Value::Null,
        };
        let mut evaluation = Evaluation::new(variables, &NoSecrets);
        evaluation.value(program.root()).map_err(|fault| fault.text()).unwrap();
        assert_eq!(MOST_MADE - evaluation.context().made_left(), made, "{source}");
    }
}

#[test]
fn ordinary_filters_over_large_events_are_within_it() {
    let body = large_body();
    for (source, expected) in [
        ("body.words.exists(w, w.startsWith('src/directory/file-19999'))", json!(true)),
        ("body.numbers.exists(n, n == 49999)", json!(true)),
        ("body.words.filter(w, w.endsWith('9.rs')).size()", json!(2000)),
        ("'src/directory/file-19999.rs' in body.words", json!(true)),
        ("body.words.exists(w, w.matches('-19999[.]rs$'))", json!(true)),
        ("body.text.contains('b') || body.text.size() == 1048576", json!(true)),
        ("body.lists.all(l, l.exists(n, n == 1.0))", json!(true)),
        ("body.words.map(w, w.split('/')[2]).size()", json!(20_000)),
        ("body.words.join(',').size()", json!(548_889)),
    ] {
        assert_eq!(outcome(source, &body, 1).map_err(|fault| fault.text()), Ok(expected), "{source}");
    }
}

#[test]
fn expressions_that_are_large_or_deep_are_refused() {
    let deep = 5000;
    for source in [
        "a".repeat(LONGEST_EXPRESSION + 1),
        vec!["true"; 20_000].join(" && "),
        vec!["body.a"; 600].join("+"),
        format!("{}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}1{}", "(".repeat(DEEPEST + 1), ")".repeat(DEEPEST + 1)),
        "[".repeat(1000),
        format!("{}1{}", "{1:".repeat(500), "}".repeat(500)),
        format!("body{}", ".a".repeat(1000)),
        format!("body{}", "[0]".repeat(1000)),
        format!("body{}", ".size()".repeat(500)),
        "1 in ".repeat(700) + "[1]",
        "true ? 1 : ".repeat(300) + "1",
        "true ? true ? ".repeat(100) + "1",
        "a == ".repeat(700) + "1",
        "-1".repeat(1000),
        format!("[{}]", vec!["1"; 1500].join(",")),
        vec!["1u"; 1001].join("||"),
        "x.all(a, ".repeat(5) + "true" + &")".repeat(5),
        "[1].map(a, ".repeat(5) + "true" + &")".repeat(5),
    ] {
        let refused = Program::compile(&source, Vocabulary::Interceptor).unwrap_err().to_string();
        let reason = refused.contains("is too large: more than") || refused.contains("Syntax error");
        assert!(reason, "{source:.60} {refused:.200}");
        assert!(refused.len() < 6_000, "{}", refused.len());
    }
}

#[test]
fn expressions_at_the_bounds_are_evaluated() {
    let body = json!({"a": 1});
    let most = DEEPEST - 4;
    for source in [
        vec!["has(body.a)"; 200].join(" && "),
        vec!["1"; most].join(" + "),
        format!("{}1{}", "(".repeat(most), ")".repeat(most)),
        format!("{}1{}", "[".repeat(most), "]".repeat(most)),
        "true ? 1 : ".repeat(most / 2) + "1",
        format!("'{}'.size()", "((([[[{{{..++".repeat(200)),
        "'\\'((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((' + r'\\' // ((((((\n"
            .to_owned()
            + "+ \"\"\"\"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((\"\"\"",
        "[1].map(a, ".repeat(4) + "true" + &")".repeat(4),
    ] {
        let program = Program::compile(&source, Vocabulary::Interceptor);
        assert!(program.is_ok(), "{source:.60}: {}", program.unwrap_err());
        let found = outcome(&source, &body, PART);
        assert!(found.is_ok(), "{source:.60}: {}", described(&found));
    }
}

#[test]
fn every_step_is_paid_for() {
    let body = json!({"a": [1, 2, 3]});
    let program = Program::compile("body.a.all(x, x > 0)", Vocabulary::Interceptor).unwrap();
    let (header, extensions) = (Headers::new(), Map::new());
    let variables = Variables {
        body: &body,
        header: &header,
        extensions: &extensions,
        request_url: "/",
        event: &Value::Null,
    };
    let mut evaluation = Evaluation::new(variables, &NoSecrets);
    evaluation.value(program.root()).unwrap();
    // The macro, its range with two parts, and for each element the round, the comparison and its two parts.
    assert_eq!(MOST_STEPS - evaluation.context().steps_left(), 3 + 3 * 4);
}
