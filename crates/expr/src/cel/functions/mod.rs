//! The functions and operators that expressions may call, with their signatures.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use super::context::{Context, Outcome};
use super::types::{Signature, Type};
use super::value::Value;

mod conversions;
mod format;
mod lists;
mod math;
mod operators;
mod strings;
mod tekton;
mod time;

pub(super) use lists::sorted_by_keys;

/// The work of a function. It pays for it from the context.
pub(super) type Operation = for<'a> fn(&mut Context<'a>, &[Value<'a>]) -> Outcome<'a>;

/// A function of the library. Functions of one name and style share the work; it looks at the values that it is given.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) operation: Operation,
    signatures: Vec<Signature>,
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Style {
    /// `name(a, b)`
    Global,
    /// `a.name(b)`
    Member,
}

/// A line of the table of functions.
struct Row {
    name: &'static str,
    style: Style,
    operation: Operation,
    signatures: &'static [&'static str],
}

const fn global(name: &'static str, operation: Operation, signatures: &'static [&'static str]) -> Row {
    Row { name, style: Style::Global, operation, signatures }
}

const fn member(name: &'static str, operation: Operation, signatures: &'static [&'static str]) -> Row {
    Row { name, style: Style::Member, operation, signatures }
}

/// All tables.
const TABLES: &[&[Row]] = &[
    operators::TABLE,
    conversions::TABLE,
    time::TABLE,
    strings::TABLE,
    lists::TABLE,
    math::TABLE,
    tekton::TABLE,
];

type Functions = HashMap<&'static str, Function>;

static GLOBALS: LazyLock<Functions> = LazyLock::new(|| functions(Style::Global));
static MEMBERS: LazyLock<Functions> = LazyLock::new(|| functions(Style::Member));

fn functions(style: Style) -> Functions {
    let rows = TABLES.iter().copied().flatten().filter(|row| row.style == style);
    let functions = rows.map(|row| {
        let Row { name, operation, signatures, .. } = *row;
        let signatures = signatures.iter().filter_map(|text| Signature::read(text)).collect();
        (name, Function { name, operation, signatures })
    });
    functions.collect()
}

impl Function {
    pub(super) fn find(name: &str, style: Style) -> Option<&'static Self> {
        match style {
            Style::Global => GLOBALS.get(name),
            Style::Member => MEMBERS.get(name),
        }
    }

    /// Whether a function of this name exists, called in either style.
    pub(super) fn exists(name: &str) -> bool {
        [Style::Global, Style::Member].into_iter().any(|style| Self::find(name, style).is_some())
    }

    /// The type of a call with arguments of these types; `None` if no signature takes them.
    pub(super) fn applied(&self, arguments: &[Type]) -> Option<Type> {
        let mut results = self.signatures.iter().filter_map(|signature| signature.applied(arguments));
        let first = results.next()?;
        Some(results.fold(first, |joined, result| joined.joined(&result)))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_unique_and_each_signature_is_read() {
        let mut seen = std::collections::BTreeSet::new();
        for row in TABLES.iter().copied().flatten() {
            assert!(seen.insert((row.name, row.style == Style::Member)), "{} is there twice", row.name);
            assert!(!row.signatures.is_empty(), "{}", row.name);
            for text in row.signatures {
                assert!(Signature::read(text).is_some(), "{}: {text}", row.name);
            }
        }
    }
}
