//! Types as the check at compile time knows them, and the signatures of functions.

use std::fmt;
use std::sync::Arc;

/// The type of an expression before it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// Known at evaluation only, as everything inside `body`.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// The type of types.
    Meta,
    List(Arc<Type>),
    Map(Arc<(Type, Type)>),
    /// Any one type, the same wherever the letter stands in a signature.
    Parameter(char),
}

/// The types that a function takes, and the one that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    parameters: Vec<Type>,
    result: Type,
}

/// The types that the letters of a signature stand for in one call.
#[derive(Default)]
struct Bindings(Vec<(char, Type)>);

impl Type {
    pub(super) fn list(element: Type) -> Self {
        Self::List(Arc::new(element))
    }

    pub(super) fn map(key: Type, value: Type) -> Self {
        Self::Map(Arc::new((key, value)))
    }

    /// Whether a value of type `other` may stand where this type is expected.
    pub(super) fn accepts(&self, other: &Type) -> bool {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) | (Self::Timestamp | Self::Duration, Self::Null) => true,
            (Self::List(left), Self::List(right)) => left.accepts(right),
            (Self::Map(left), Self::Map(right)) => left.0.accepts(&right.0) && left.1.accepts(&right.1),
            (left, right) => left == right,
        }
    }

    /// The one type of elements of both types: the type that they share, else `dyn`.
    pub(super) fn joined(self, other: &Type) -> Self {
        if &self == other { self } else { Self::Dyn }
    }
}

impl Signature {
    /// Reads a signature such as `(list(A), int) -> A`. Upper-case letters are parameters.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (parameters, result) = text.split_once(" -> ")?;
        let mut rest = parameters.strip_prefix('(')?;
        let mut parameters = Vec::new();
        while !rest.starts_with(')') {
            let (parameter, after) = read_type(rest)?;
            parameters.push(parameter);
            rest = after.strip_prefix(", ").unwrap_or(after);
        }
        let (result, after) = read_type(result)?;
        (rest == ")" && after.is_empty()).then_some(Self { parameters, result })
    }

    /// The type of a call with arguments of these types; `None` if the function does not take them.
    pub(super) fn applied(&self, arguments: &[Type]) -> Option<Type> {
        if arguments.len() != self.parameters.len() {
            return None;
        }
        let mut bindings = Bindings::default();
        let fits = self
            .parameters
            .iter()
            .zip(arguments)
            .all(|(parameter, argument)| bindings.bind(parameter, argument));
        fits.then(|| bindings.substituted(&self.result))
    }
}

impl Bindings {
    fn bind(&mut self, parameter: &Type, argument: &Type) -> bool {
        match (parameter, argument) {
            (Type::Parameter(letter), argument) => {
                match self.0.iter_mut().find(|(bound, _)| bound == letter) {
                    Some((_, bound)) if bound.accepts(argument) => {
                        if argument == &Type::Dyn {
                            *bound = Type::Dyn;
                        }
                        true
                    }
                    Some((_, bound)) if argument.accepts(bound) => {
                        *bound = argument.clone();
                        true
                    }
                    Some(_) => false,
                    None => {
                        self.0.push((*letter, argument.clone()));
                        true
                    }
                }
            }
            (Type::List(element), Type::List(found)) => self.bind(element, found),
            (Type::Map(entry), Type::Map(found)) => {
                self.bind(&entry.0, &found.0) && self.bind(&entry.1, &found.1)
            }
            (parameter, argument) => parameter.accepts(argument),
        }
    }

    fn substituted(&self, result: &Type) -> Type {
        match result {
            Type::Parameter(letter) => {
                let bound = self.0.iter().find(|(bound, _)| bound == letter);
                bound.map_or(Type::Dyn, |(_, bound)| bound.clone())
            }
            Type::List(element) => Type::list(self.substituted(element)),
            Type::Map(entry) => Type::map(self.substituted(&entry.0), self.substituted(&entry.1)),
            other => other.clone(),
        }
    }
}

/// The type at the start of the text, and the text behind it.
fn read_type(text: &str) -> Option<(Type, &str)> {
    let end = text.find([',', ')', '(']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let simple = match name {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        "type" => Type::Meta,
        "list" => {
            let (element, rest) = read_type(rest.strip_prefix('(')?)?;
            return Some((Type::list(element), rest.strip_prefix(')')?));
        }
        "map" => {
            let (key, rest) = read_type(rest.strip_prefix('(')?)?;
            let (value, rest) = read_type(rest.strip_prefix(", ")?)?;
            return Some((Type::map(key, value), rest.strip_prefix(')')?));
        }
        _ => match name.as_bytes() {
            [letter @ b'A'..=b'Z'] => Type::Parameter(char::from(*letter)),
            _ => return None,
        },
    };
    Some((simple, rest))
}

/// As in error texts, such as `map(string, dyn)`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Meta => "type",
            Self::List(element) => return write!(f, "list({element})"),
            Self::Map(entry) => return write!(f, "map({}, {})", entry.0, entry.1),
            Self::Parameter(letter) => return write!(f, "{letter}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_gives_the_type_of_a_call() {
        for (signature, arguments, expected) in [
            ("(int, int) -> bool", vec![Type::Int, Type::Int], Some("bool")),
            ("(int, int) -> bool", vec![Type::Int, Type::Double], None),
            ("(int, int) -> bool", vec![Type::Int, Type::Dyn], Some("bool")),
            ("(int, int) -> bool", vec![Type::Int], None),
            ("(A, A) -> bool", vec![Type::Double, Type::Int], None),
            ("(A, A) -> A", vec![Type::Dyn, Type::Int], Some("dyn")),
            ("(A, A) -> A", vec![Type::Int, Type::Dyn], Some("dyn")),
            ("(list(A), int) -> A", vec![Type::list(Type::String), Type::Int], Some("string")),
            ("(list(A), int) -> A", vec![Type::Dyn, Type::Int], Some("dyn")),
            (
                "(map(A, B), A) -> list(B)",
                vec![Type::map(Type::String, Type::Int), Type::String],
                Some("list(int)"),
            ),
            ("(map(A, B), A) -> B", vec![Type::map(Type::String, Type::Int), Type::Bool], None),
            ("() -> map(string, dyn)", vec![], Some("map(string, dyn)")),
        ] {
            let result = Signature::read(signature).unwrap().applied(&arguments);
            assert_eq!(result.map(|r| r.to_string()).as_deref(), expected, "{signature} {arguments:?}");
        }
    }

    #[test]
    fn a_signature_that_is_misspelled_is_not_read() {
        for text in ["int -> int", "(int)", "(integer) -> int", "(list(int) -> int", "(int) -> int)"] {
            assert_eq!(Signature::read(text), None, "{text}");
        }
    }
}
