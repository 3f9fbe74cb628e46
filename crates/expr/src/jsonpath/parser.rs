//! Reads the dialect of Kubernetes' client library, which Tekton Triggers uses.

use super::LONGEST_PATH;
use super::error::ParseError;
use super::node::{End, Filter, Node, Operator, Slice};
use super::quoted::unquote;

/// Reads the text between `$(` and `)`: `x`, `.x`, `{x}` or `{.x}`. An empty one has no parts.
pub(super) fn parse(expression: &str) -> Result<Vec<Node>, ParseError> {
    if expression.len() > LONGEST_PATH {
        return Err(ParseError::TooLong);
    }
    if expression.is_empty() {
        return Ok(Vec::new());
    }
    let braces = expression.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let path = braces.unwrap_or(expression);
    if path.is_empty() || path.contains(['{', '}']) {
        return Err(ParseError::StrayBrace);
    }
    let path = if path == "." { path } else { path.strip_prefix('.').unwrap_or(path) };
    nodes(&format!(".{path}"))
}

/// Reads a path to its end. It calls itself for the paths in brackets: at most three deep, because brackets in brackets
/// need quotes around them, of which there are two kinds.
fn nodes(text: &str) -> Result<Vec<Node>, ParseError> {
    let mut parser = Parser { rest: text, nodes: Vec::new() };
    while !parser.rest.is_empty() {
        parser.part()?;
    }
    Ok(parser.nodes)
}

struct Parser<'a> {
    /// The text that is not read yet.
    rest: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Parser<'a> {
    fn part(&mut self) -> Result<(), ParseError> {
        if let Some(rest) = self.rest.strip_prefix("[?(") {
            self.rest = rest;
            return self.filter();
        }
        if let Some(rest) = self.rest.strip_prefix("..") {
            self.rest = rest;
            return self.descent();
        }
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        let behind = self.rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '\n' | '\r' => return Err(ParseError::UnclosedAction),
            // The current value: nothing to do.
            ' ' | '@' | '$' => self.rest = behind,
            '[' => {
                self.rest = behind;
                self.brackets()?;
            }
            '"' | '\'' => self.quote(first)?,
            '.' => {
                self.rest = behind;
                self.field()?;
            }
            '+' | '-' => self.number()?,
            digit if is_digit(digit) => self.number()?,
            letter if is_letter(letter) => self.word(),
            other => return Err(ParseError::UnrecognizedCharacter(other)),
        }
        Ok(())
    }

    /// Takes the first `length` bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// A key behind a point, up to a character that cannot be in one, unless a backslash is before it.
    fn field(&mut self) -> Result<(), ParseError> {
        let mut letters = self.rest.char_indices();
        let length = loop {
            match letters.next() {
                None => break self.rest.len(),
                // It takes the end of the path for a character.
                Some((_, '\\')) if letters.next().is_none() => return Err(ParseError::UnclosedAction),
                Some((at, letter)) if is_terminator(letter) => break at,
                Some(_) => {}
            }
        };
        let node = match self.take(length) {
            "*" => Node::Wildcard,
            key => Node::Field(key.replace('\\', "")),
        };
        self.nodes.push(node);
        Ok(())
    }

    fn descent(&mut self) -> Result<(), ParseError> {
        if self.nodes.last() == Some(&Node::Descent) {
            return Err(ParseError::MultipleDescent);
        }
        self.nodes.push(Node::Descent);
        match self.rest.chars().next() {
            Some(first) if is_letter(first) || is_digit(first) => self.field(),
            _ => Ok(()),
        }
    }

    /// A key in quotes, an index, a slice, or several of them.
    fn brackets(&mut self) -> Result<(), ParseError> {
        let end = self.rest.find([']', '\n']).ok_or(ParseError::UnterminatedArray)?;
        let content = self.take(end);
        if self.take(1) != "]" {
            return Err(ParseError::UnterminatedArray);
        }
        if content.contains(',') {
            let parts = content.split(',').map(|part| format!("[{}]", part.trim_matches(' ')));
            let parts = parts.map(|part| nodes(&part)).collect::<Result<_, _>>()?;
            self.nodes.push(Node::Union(parts));
            return Ok(());
        }
        let quoted = content.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(key) = quoted.filter(|key| !key.contains('\'')) {
            self.nodes.extend(nodes(&format!(".{key}"))?);
            return Ok(());
        }
        let slice = if content == "*" { ":" } else { content };
        self.nodes.push(Node::Slice(slice_of(slice)?));
        Ok(())
    }

    /// A condition, up to `)]` outside its only string.
    fn filter(&mut self) -> Result<(), ParseError> {
        let (mut opening, mut closed) = (None, false);
        let mut before = '(';
        let mut end = None;
        for (at, letter) in self.rest.char_indices() {
            match (letter, opening) {
                ('\n', _) => return Err(ParseError::UnterminatedFilter),
                ('"' | '\'', None) => opening = Some(letter),
                ('"' | '\'', Some(quote)) if letter == quote && before != '\\' => closed = true,
                (')', _) if opening.is_some() == closed => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
            before = letter;
        }
        let condition = self.take(end.ok_or(ParseError::UnterminatedFilter)?);
        let Some(rest) = self.rest.strip_prefix(")]") else { return Err(ParseError::UnclosedFilter) };
        self.rest = rest;
        let filter = match comparison_of(condition) {
            None => Filter { left: nodes(condition)?, comparison: None },
            Some((left, operator, right)) => {
                let left = nodes(left)?;
                let right = nodes(right)?;
                Filter { left, comparison: Some((operator_of(operator), right)) }
            }
        };
        self.nodes.push(Node::Filter(filter));
        Ok(())
    }

    fn quote(&mut self, quote: char) -> Result<(), ParseError> {
        let mut before = quote;
        let mut end = None;
        for (at, letter) in self.rest.char_indices().skip(1) {
            if letter == '\n' {
                break;
            }
            if letter == quote && before != '\\' {
                end = Some(at + 1);
                break;
            }
            before = letter;
        }
        let literal = self.take(end.ok_or(ParseError::UnterminatedQuote)?);
        let content = literal.get(1..literal.len() - 1).unwrap_or_default();
        let text = unquote(content, quote).ok_or_else(|| ParseError::Unquote(literal.to_owned()))?;
        self.nodes.push(Node::Text(text));
        Ok(())
    }

    fn number(&mut self) -> Result<(), ParseError> {
        let unsigned = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
        let behind = unsigned.trim_start_matches(|letter: char| letter == '.' || is_digit(letter));
        let text = self.take(self.rest.len() - behind.len());
        let float = || text.parse::<f64>().ok().filter(|number| number.is_finite());
        let number = text.parse().map(Node::Int).ok().or_else(|| float().map(Node::Float));
        self.nodes.push(number.ok_or_else(|| ParseError::Number(text.to_owned()))?);
        Ok(())
    }

    fn word(&mut self) {
        let length = self.rest.find(is_terminator).unwrap_or(self.rest.len());
        let node = match self.take(length) {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            word => Node::Word(word.to_owned()),
        };
        self.nodes.push(node);
    }
}

fn slice_of(text: &str) -> Result<Slice, ParseError> {
    let parts: Vec<_> = text.split(':').collect();
    let is_index = |part: &&str| part.strip_prefix('-').unwrap_or(part).bytes().all(|b| b.is_ascii_digit());
    if parts.len() > 3 || !parts.iter().all(is_index) {
        return Err(ParseError::InvalidIndex(text.to_owned()));
    }
    let number = |place: usize| match parts.get(place) {
        None | Some(&"") => Ok(None),
        Some(part) => part.parse().map(Some).map_err(|_| ParseError::NotANumber((*part).to_owned())),
    };
    let start = number(0)?;
    let end = match number(1)? {
        Some(end) => End::At(end),
        None if parts.len() > 1 => End::OfList,
        None => End::BehindStart,
    };
    Ok(Slice { start, end, step: number(2)? })
}

/// Splits a condition at its first operator; each side has at least one character.
fn comparison_of(condition: &str) -> Option<(&str, &str, &str)> {
    let is_operator = ['!', '<', '>', '='];
    let (left, rest) = condition.split_at_checked(condition.find(is_operator)?)?;
    let right = rest.trim_start_matches(is_operator);
    let mut length = rest.len() - right.len();
    if right.is_empty() {
        // The right side takes the last character of the operator.
        length -= 1;
    }
    let (operator, right) = rest.split_at_checked(length)?;
    (!left.is_empty() && !operator.is_empty()).then_some((left, operator, right))
}

fn operator_of(text: &str) -> Operator {
    match text {
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        other => Operator::Unknown(other.to_owned()),
    }
}

/// Ends a key or a word.
fn is_terminator(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@')
}

fn is_letter(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic()
}

fn is_digit(letter: char) -> bool {
    letter.is_numeric() && !letter.is_alphabetic()
}
