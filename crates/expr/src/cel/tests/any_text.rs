use proptest::prelude::*;

use super::super::{NoSecrets, Program, Vocabulary};
use super::Event;

/// Pieces of which texts near to expressions are made.
const PIECES: &[&str] = &[
    "body",
    ".",
    "ref",
    "labels",
    "counts",
    "commits",
    "notes",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "?",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "<",
    "in",
    "1",
    "0",
    "2.5",
    "7u",
    "'a'",
    "'ü'",
    "b'x'",
    "r'\\d'",
    "true",
    "null",
    "x",
    "has(",
    ".map(x,",
    ".all(x,",
    ".exists(x,",
    ".filter(x,",
    ".sortBy(x,",
    ".size()",
    ".first()",
    ".matches('[a-z]+')",
    ".split('')",
    ".join('-')",
    ".substring(1)",
    ".format([x])",
    ".replace('a',",
    "string(",
    "int(",
    "timestamp(",
    "duration(",
    "math.greatest(",
    "lists.range(9)",
    ".parseJSON()",
    ".parseURL()",
    ".truncate(2)",
    ".reverse()",
    ".lastIndexOf('n', 2)",
    ".charAt(6)",
    "header",
    ".canonical('x-token')",
    " ",
    "\n",
    "// c",
    "\"\"\"",
    "\\",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_refused_or_evaluated(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..14)) {
        let source = pieces.concat();
        if let Ok(program) = Program::compile(&source, Vocabulary::Interceptor) {
            let event = Event::push();
            let value = program.evaluate(&event.variables(), &NoSecrets);
            let passes = program.is_true(&event.variables(), &NoSecrets);
            prop_assert_eq!(passes == Ok(true), value == Ok(true.into()));
            let operands = program.explain(&event.variables(), &NoSecrets);
            prop_assert!(!operands.is_empty());
            for operand in operands {
                prop_assert!(!operand.text.is_empty(), "{}", source);
            }
        }
    }

    #[test]
    fn any_letters_are_refused_or_evaluated(source in "\\PC{0,40}") {
        if let Ok(program) = Program::compile(&source, Vocabulary::Interceptor) {
            let event = Event::push();
            let _ = program.evaluate(&event.variables(), &NoSecrets);
        }
    }

    #[test]
    fn any_text_can_be_worked_on(text in "\\PC{0,12}", part in "\\PC{0,2}", start in -2i64..14, end in -2i64..14) {
        let mut event = Event::push();
        event.body = serde_json::json!({"t": text, "p": part, "s": start, "e": end});
        for call in [
            "substring(int(body.s))", "substring(int(body.s), int(body.e))", "charAt(int(body.s))", "split(body.p)",
            "split(body.p, int(body.e))", "replace(body.p, 'x')", "replace(body.p, 'x', int(body.s))", "indexOf(body.p)",
            "indexOf(body.p, int(body.s))", "lastIndexOf(body.p)", "lastIndexOf(body.p, int(body.s))", "trim()", "reverse()",
            "truncate(int(body.s))", "format([body.p])", "parseURL()", "parseJSON()", "parseYAML()", "matches(body.p)",
            "translate(body.p, body.p)", "translate('[^a-z]', body.p)", "lowerAscii()",
        ] {
            let program = Program::compile(&format!("body.t.{call}"), Vocabulary::Interceptor).unwrap();
            let value = program.evaluate(&event.variables(), &NoSecrets);
            if call == "reverse()" {
                prop_assert_eq!(value, Ok(text.chars().rev().collect::<String>().into()));
            }
        }
    }
}
