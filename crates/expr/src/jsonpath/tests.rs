use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::Headers;

/// The result of a path as Tekton writes it, or the message of the error.
fn run(expression: &str, body: &Value) -> Result<String, String> {
    let mut header = Headers::new();
    for (name, value) in [("X-Kind", "release"), ("Via", "a"), ("Via", "b, c"), ("X-Empty", "")] {
        header.append(name, value.to_owned());
    }
    let extensions = Map::from_iter([("team".to_owned(), json!("blue"))]);
    let input =
        EventInput { body, header: &header, extensions: &extensions, request_url: "/", event_id: "id-7" };
    let path = Path::parse(expression).map_err(|error| error.to_string())?;
    match path.evaluate(&input, &mut Budget::new()) {
        Ok(Found::Content(text) | Found::Json(text)) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

fn assert_results(body: &Value, table: &[(&str, &str)]) {
    for (expression, expected) in table {
        assert_eq!(run(expression, body).as_deref(), Ok(*expected), "{expression}");
    }
}

fn assert_errors(body: &Value, table: &[(&str, &str)]) {
    for (expression, expected) in table {
        assert_eq!(run(expression, body), Err((*expected).to_owned()), "{expression}");
    }
}

fn shop() -> Value {
    json!({
        "count": 3, "name": "corner", "open": true, "none": null, "empty": "", "no": {}, "nil": [],
        "sizes": [5, 6.5, 7, 8],
        "fruits": [
            {"kind": "apple", "price": 2, "ripe": true},
            {"kind": "pear", "price": 4},
            {"kind": "plum", "price": 6, "ripe": false},
        ],
        "grid": [[1, 2], [3, 4]],
        "words": ["ab", "cd"],
        "tree": {"z": {"label": "last"}, "a": {"b": {"label": "first"}, "label": [1]}},
        "example.org/key": "slash", "two words": "blank", "snake_case": 1, "kebab-case": 2, "7": "digit", "*": "star",
    })
}

#[test]
fn a_path_may_be_wrapped_and_padded() {
    assert_results(
        &shop(),
        &[
            ("body.count", "3"),
            (".body.count", "3"),
            ("{body.count}", "3"),
            ("{.body.count}", "3"),
            ("body.count  ", "3"),
            ("Body.count", "3"),
            ("body.count$@", "3"),
            ("", ""),
        ],
    );
    let brace = "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or \
                 '{.name1.name2}'";
    for expression in ["{body.count", "body.count}", "body.{count}", "{{body}}", "{}", "{", "}"] {
        assert_errors(&shop(), &[(expression, brace)]);
    }
}

#[test]
fn scalars_lists_and_objects_are_written_as_go_does() {
    assert_results(
        &shop(),
        &[
            ("body.name", "corner"),
            ("body.open", "true"),
            ("body.none", "null"),
            ("body.empty", ""),
            ("body.no", "{}"),
            ("body.nil", "[]"),
            ("body.sizes", "[5,6.5,7,8]"),
            ("body.tree.a", r#"{"b":{"label":"first"},"label":[1]}"#),
        ],
    );
    assert_results(&json!("say \"<hi>\"\n"), &[("body", r#"say \"\u003chi\u003e\"\n"#)]);
    assert_results(&Value::Null, &[("body", "null")]);
}

#[test]
fn headers_extensions_and_context_are_beside_the_body() {
    assert_results(
        &shop(),
        &[
            ("header.X-Kind", "release"),
            ("header.Via", "a,b, c"),
            ("header.X-Empty", ""),
            ("header['X-Kind']", "release"),
            ("header", r#"{"Via":"a,b, c","X-Empty":"","X-Kind":"release"}"#),
            ("header.*", r#"["a,b, c","","release"]"#),
            ("extensions.team", "blue"),
            ("extensions", r#"{"team":"blue"}"#),
            ("context.eventID", "id-7"),
            ("context.EventID", "id-7"),
            ("context", r#"{"eventID":"id-7"}"#),
        ],
    );
    assert_errors(
        &shop(),
        &[
            ("header.x-kind", "x-kind is not found"),
            ("header['x-kind']", "x-kind is not found"),
            ("header.Via[0]", "string is not array or slice"),
            ("header[0]", "map[string]string is not array or slice"),
            ("context.id", "id is not found"),
            ("context[0]", "template.TriggerContext is not array or slice"),
            ("uid", "uid is not found"),
            ("tt.params.x", "tt is not found"),
            ("tasks.a.results.b", "tasks is not found"),
            (" body.count", " is not found"),
            ("bod y.count", "bod is not found"),
        ],
    );
}

#[test]
fn the_event_itself_is_written_in_the_order_of_its_fields() {
    let header = r#"{"Via":"a,b, c","X-Empty":"","X-Kind":"release"}"#;
    let fields = format!(r#"{header},1,{{"team":"blue"}},{{"eventID":"id-7"}}"#);
    assert_results(&json!(1), &[("*", &format!("[{fields}]")), (".*", &format!("[{fields}]"))]);
    let event = format!(
        r#"{{"header":{header},"body":[],"extensions":{{"team":"blue"}},"context":{{"eventID":"id-7"}}}}"#
    );
    assert_results(
        &json!([]),
        &[(
            "..",
            &format!(
                r#"[{event},{header},"a,b, c","release",{{"team":"blue"}},"blue",{{"eventID":"id-7"}},"id-7"]"#
            ),
        )],
    );
}

#[test]
fn keys_with_signs_are_written_in_brackets_or_behind_backslashes() {
    assert_results(
        &shop(),
        &[
            (r"body.example\.org/key", "slash"),
            (r"body.example\.org\/key", "slash"),
            (r"body['example\.org/key']", "slash"),
            (r"body.two\ words", "blank"),
            (r"body['two\ words']", "blank"),
            ("body.snake_case", "1"),
            ("body.kebab-case", "2"),
            ("body['kebab-case']", "2"),
            ("body.7", "digit"),
            (r"body.\*", "star"),
            ("body['name','count']", r#"["corner",3]"#),
            ("body[ 'name' , 'count' ]", r#"["corner",3]"#),
        ],
    );
    assert_errors(
        &shop(),
        &[
            ("body['example.org/key']", "example is not found"),
            ("body['two words']", "two is not found"),
            (r#"body["name"]"#, r#"invalid array index "name""#),
            ("body['a,b']", "invalid array index 'a"),
            ("body[name]", "invalid array index name"),
            ("body['']", " is not found"),
        ],
    );
}

#[test]
fn a_missing_key_is_an_error_below_any_value() {
    assert_errors(
        &shop(),
        &[
            ("body.gone", "gone is not found"),
            ("body.no.gone", "gone is not found"),
            ("body.none.gone", "gone is not found"),
            ("body.name.gone", "gone is not found"),
            ("body.count.gone", "gone is not found"),
            ("body.sizes.gone", "gone is not found"),
            ("body.fruits.kind", "kind is not found"),
            ("body.sizes.0", "0 is not found"),
            ("body.count.", " is not found"),
            ("body..gone", "gone is not found"),
        ],
    );
}

#[test]
fn indexes_slices_and_unions_choose_elements() {
    assert_results(
        &shop(),
        &[
            ("body.sizes[0]", "5"),
            ("body.sizes[-1]", "8"),
            ("body.sizes[-4]", "5"),
            ("body.sizes[]", "5"),
            ("body.grid[1][0]", "3"),
            ("body.fruits[1].kind", "pear"),
            ("body.sizes[1:3]", "[6.5,7]"),
            ("body.sizes[-2:]", "[7,8]"),
            ("body.sizes[:-3]", "5"),
            ("body.sizes[2:]", "[7,8]"),
            ("body.sizes[:2]", "[5,6.5]"),
            ("body.sizes[::3]", "[5,8]"),
            ("body.sizes[0:4:2]", "[5,7]"),
            ("body.sizes[0:1]", "5"),
            ("body.sizes[1:1]", "[]"),
            ("body.sizes[9:9]", "[]"),
            ("body.sizes[1:1].gone", "[]"),
            ("body.sizes[*]", "[5,6.5,7,8]"),
            ("body.nil[*]", "[]"),
            ("body.sizes[0,0,-1]", "[5,5,8]"),
            ("body.fruits[*].price", "[2,4,6]"),
            ("body.grid[*][1]", "[2,4]"),
            ("body.none[0]", "[]"),
            ("body.sizes[0, 2:4]", "[5,7,8]"),
        ],
    );
    assert_errors(
        &shop(),
        &[
            ("body.sizes[4]", "array index out of bounds: index 4, length 4"),
            ("body.sizes[-5]", "array index out of bounds: index -1, length 4"),
            ("body.nil[0]", "array index out of bounds: index 0, length 0"),
            ("body.sizes[0:9]", "array index out of bounds: index 8, length 4"),
            ("body.words[5:9]", "array index out of bounds: index 5, length 2"),
            ("body.sizes[0,9]", "array index out of bounds: index 9, length 4"),
            (
                "body.sizes[9223372036854775807]",
                "array index out of bounds: index 9223372036854775807, length 4",
            ),
            ("body.sizes[3:1]", "starting index 3 is greater than ending index 1"),
            ("body.sizes[0:2:0]", "step must be > 0"),
            ("body.sizes[0:2:-1]", "step must be > 0"),
            ("body.sizes[-]", "array index - is not a number"),
            ("body.sizes[99999999999999999999]", "array index 99999999999999999999 is not a number"),
            ("body.sizes[1:2:3:4]", "invalid array index 1:2:3:4"),
            ("body.sizes[(@.length-1)]", "invalid array index (@.length-1)"),
            ("body.tree[0]", "map[string]interface {} is not array or slice"),
            ("body.name[0]", "string is not array or slice"),
            ("body.count[0]", "float64 is not array or slice"),
            ("body.open[0]", "bool is not array or slice"),
            ("body.no[*]", "map[string]interface {} is not array or slice"),
            ("body[0", "unterminated array"),
            ("body[\n0]", "unterminated array"),
        ],
    );
}

#[test]
fn stars_and_descents_go_through_objects_in_the_order_of_their_keys() {
    assert_results(
        &shop(),
        &[
            ("body.tree.*", r#"[{"b":{"label":"first"},"label":[1]},{"label":"last"}]"#),
            ("body.tree..label", r#"[[1],"first","last"]"#),
            ("body.tree.z.*", "last"),
            ("body.no.*", "[]"),
            ("body.nil.*", "[]"),
            ("body.none.*", "[]"),
            ("body.no..gone", "[]"),
            ("body.count..gone", "[]"),
            ("body.name.*", "[99,111,114,110,101,114]"),
            ("body.words...*", r#"["ab","cd",97,98,99,100]"#),
            ("body.grid..[1]", "[[3,4],2,4]"),
            ("body.tree.z..", r#"[{"label":"last"},"last"]"#),
        ],
    );
    assert_errors(
        &shop(),
        &[
            ("body..*", "unrecognized character in action: U+002A '*'"),
            ("body....name", "invalid multiple recursive descent"),
            ("body.fruits..[0]", "map[string]interface {} is not array or slice"),
        ],
    );
}

#[test]
fn filters_compare_values_of_one_type() {
    assert_results(
        &shop(),
        &[
            ("body.fruits[?(@.kind == 'pear')].price", "4"),
            (r#"body.fruits[?(@.kind=="pear")].price"#, "4"),
            ("body.fruits[?(@.kind != 'pear')].price", "[2,6]"),
            ("body.fruits[?(@.kind == 'nut')].price", "[]"),
            ("body.fruits[?(@.kind >= 'pear')].price", "[4,6]"),
            ("body.fruits[?(@.price > 2.0)].kind", r#"["pear","plum"]"#),
            ("body.fruits[?(@.price < 4.0)].kind", "apple"),
            ("body.fruits[?(@.price <= 4.0)].price", "[2,4]"),
            ("body.fruits[?(2.0 == @.price)].kind", "apple"),
            ("body.fruits[?(@.ripe)].kind", r#"["apple","plum"]"#),
            ("body.fruits[?()].price", "[2,4,6]"),
            ("body.fruits[?(true == true)].price", "[2,4,6]"),
            ("body.fruits[?(@.price in ['a'])].price", "[2,4,6]"),
            ("body.fruits[?(@.kind[3])].price", "[2,4,6]"),
            ("body.fruits[?(@.gone[3])].price", "[]"),
            ("body.words[?(@ == 'cd')]", "cd"),
            ("body.sizes[?(@ > 6.0)]", "[6.5,7,8]"),
            ("body.sizes[0,?(@ == 8.0)]", "[5,8]"),
            (r"body.words[?(@ == 'c\u0064')]", "cd"),
            ("body.nil[?(@ === 1)]", "[]"),
            ("body.nil[?(@.a =! 1)]", "[]"),
            ("body.words[?(@ == ')')]", "[]"),
        ],
    );
    assert_errors(
        &shop(),
        &[
            ("body.fruits[?(@.price == 4)].kind", "incompatible types for comparison"),
            ("body.fruits[?(@.price > '4')].kind", "incompatible types for comparison"),
            ("body.fruits[?(@.ripe == true)].kind", "ripe is not found"),
            ("body.fruits[?(@ == 'a')].kind", "invalid type for comparison"),
            ("body.fruits[?(true < false)].kind", "invalid type for comparison"),
            ("body.grid[?(@[*] == 1.0)]", "can only compare one element at a time"),
            ("body.fruits[?(@.kind = 'a')].kind", "unrecognized filter operator ="),
            ("body.fruits[?(@.kind =<> 'a')].kind", "unrecognized filter operator =<>"),
            (
                "body.fruits[?(@.price > 1.0 && @.price < 3.0)]",
                "unrecognized character in action: U+0026 '&'",
            ),
            ("body.fruits[?(!@.ripe)]", "unrecognized character in action: U+0021 '!'"),
            ("body.fruits[?(@.kind =~ 'p.*')]", "unrecognized character in action: U+007E '~'"),
            ("body.fruits[?(@.kind == apple)]", "unrecognized identifier apple"),
            ("body.tree[?(@.a)]", "map[string]interface {} is not array or slice and cannot be filtered"),
            ("body.none[?(@.a)]", "<nil> is not array or slice and cannot be filtered"),
            ("body.fruits[?(@.kind", "unterminated filter"),
            ("body.fruits[?(@.kind)", "unclosed array expect ]"),
            ("body.fruits[?(@.kind == 'a)]", "unterminated filter"),
        ],
    );
}

#[test]
fn words_numbers_and_strings_take_the_place_of_values() {
    assert_results(
        &shop(),
        &[
            ("body.sizes[*] 'text'", "text"),
            ("body.sizes[*] 1", "[1,1,1,1]"),
            ("body.count -12", "-12"),
            ("body.count +1.50", "1.5"),
            ("body.count 99999999999999999999", "100000000000000000000"),
            ("body.count true", "true"),
            ("body.sizes[*] range", ""),
            (r#"body.count "a\tb""#, r"a\tb"),
        ],
    );
    assert_errors(
        &shop(),
        &[
            ("body.count end", "not in range, nothing to end"),
            ("body.count range end", "not in range, nothing to end"),
            ("body.count extra", "unrecognized identifier extra"),
            ("body.count 1.2.3", "cannot parse number 1.2.3"),
            ("body.count -", "cannot parse number -"),
            ("body.count 'open", "unterminated quoted string"),
            (r"body.count '\q'", r"unquote string '\q' error invalid syntax"),
            ("body.count\n", "unclosed action"),
            ("body.count\\", "unclosed action"),
            ("body.count\t", "unrecognized character in action: U+0009"),
            ("body,count", "unrecognized character in action: U+002C ','"),
        ],
    );
}

#[test]
fn a_long_path_is_refused() {
    let long = format!("body.{}", "a".repeat(LONGEST_PATH - 5));
    assert!(Path::parse(&long).is_ok());
    assert_eq!(Path::parse(&format!("{long}a")), Err(ParseError::TooLong));
}

#[test]
fn filters_nest_as_deep_as_their_quotes_permit() {
    // A filter ends at the first `)` outside quotes, and an escaped quote in a key opens them, too.
    let nested = r#"body.fruits[?(@.a\'[?(@.b\"[?(@.c)]"")]'')]"#;
    assert_results(&shop(), &[(nested, "[]")]);
}

#[test]
fn a_path_that_multiplies_ends_within_its_bounds() {
    let many = format!("a part of the path has more than {MOST_VALUES} results: name the fields on the way");
    let wide = json!(vec![vec![1; 300]; 300]);
    assert_errors(&wide, &[("body[*][*]", &many), ("body...*", &many)]);
    let text = json!("x".repeat(MOST_VALUES + 1));
    assert_errors(&text, &[("body.*", &many)]);
    let steps = BoundError::TooManySteps.to_string();
    let wide = json!(vec![vec![1; 2000]; 600]);
    assert_errors(&wide, &[("body..[?(@ == 1.0)]", &steps)]);
}

#[test]
fn expressions_of_a_trigger_share_a_budget() {
    let body = json!(vec![json!({"a": 1}); 1000]);
    let (header, extensions) = (Headers::new(), Map::new());
    let input =
        EventInput { body: &body, header: &header, extensions: &extensions, request_url: "/", event_id: "" };
    let path = Path::parse("body[*].a").unwrap();
    let mut budget = Budget::new();
    let count = (0..2000).take_while(|_| path.evaluate(&input, &mut budget).is_ok()).count();
    assert!((100..1000).contains(&count), "{count}");
    let error = path.evaluate(&input, &mut budget);
    assert_eq!(error, Err(EvaluateError::Bound(BoundError::TooManySteps)));
}

#[test]
fn a_large_or_deep_result_is_refused() {
    let body = json!({"text": "x".repeat(LARGEST_RESULT), "escaped": "<".repeat(LARGEST_RESULT / 6)});
    assert_eq!(run("body.text", &body).map(|text| text.len()), Ok(LARGEST_RESULT));
    assert_eq!(run("body.escaped", &body).map(|text| text.len()), Ok(LARGEST_RESULT));
    let large = BoundError::TooLarge.to_string();
    assert_errors(&body, &[("body['text','text']", &large), ("body", &large)]);
    let deep = (0..300).fold(json!(1), |inner, _| json!([inner]));
    let too_deep = BoundError::TooDeep.to_string();
    assert_errors(&deep, &[("body", &too_deep), ("body..", &too_deep)]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c<\"]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_expression_panics(
        expression in r#"(body|header|\.|\.\.|\*|\[|\]|\?\(|@|'|"|\\|:|,|0|-1|9|a|b| |==|<|range|end|\)|\pC){0,12}"#,
        body in any_json(),
    ) {
        let _ = run(&expression, &body);
    }

    #[test]
    fn a_result_is_json_or_the_content_of_a_string(body in any_json(), key in "[a-c]") {
        for expression in [format!("body.{key}"), format!("body..{key}"), "body.*".to_owned(), "body".to_owned()] {
            if let Ok(text) = run(&expression, &body) {
                let is_json = serde_json::from_str::<Value>(&text).is_ok();
                let is_content = serde_json::from_str::<String>(&format!("\"{text}\"")).is_ok();
                prop_assert!(is_json || is_content, "{expression}: {text}");
            }
        }
    }
}
