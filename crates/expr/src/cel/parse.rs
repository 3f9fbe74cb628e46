//! From text to a syntax tree, by recursive descent. Its depth is bounded before the stack is used.

use std::ops::Range;

use super::CompileError;
use super::lexer::{Token, TokenKind, integer_value, tokens};
use super::limits::{DEEPEST, LONGEST_EXPRESSION};
use super::node::Constant;
use super::problem::{Problem, report, too_large};
use super::syntax::{Logical, Syntax, SyntaxKind};

/// Parses an expression.
pub(super) fn parse(source: &str) -> Result<Syntax, CompileError> {
    if source.len() > LONGEST_EXPRESSION {
        return Err(too_large(source, format!("more than {LONGEST_EXPRESSION} bytes")));
    }
    let tokens = tokens(source).map_err(Fault::Problem);
    let parsed = tokens.and_then(|tokens| {
        let mut parser = Parser { source, tokens, next: 0, depth: 0 };
        let syntax = parser.expression()?;
        match parser.peek().map(|token| &token.kind) {
            None | Some(TokenKind::End) => Ok(syntax),
            Some(_) => Err(parser.unexpected("<EOF>")),
        }
    });
    parsed.map_err(|fault| match fault {
        Fault::TooDeep => too_large(source, format!("more than {DEEPEST} levels of operators and brackets")),
        Fault::Problem(problem) => {
            let reason = report(source, vec![problem]);
            CompileError::Syntax { expression: source.to_owned(), reason }
        }
    })
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token<'s>>,
    next: usize,
    /// How many expressions lie around the next token.
    depth: usize,
}

enum Fault {
    Problem(Problem),
    TooDeep,
}

type Parsed = Result<Syntax, Fault>;

/// The tokens that may begin an operand, as cel-go lists them.
const OPERAND: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, \
    BYTES, IDENTIFIER}";
/// Words that are no names of variables or functions.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];
const KEYWORDS: &[&str] = &["false", "in", "null", "true"];

/// The operators of two operands by how tightly they bind, with their names in CEL.
const BINARY: [&[(&str, &str)]; 3] = [
    &[
        ("==", "_==_"),
        ("!=", "_!=_"),
        ("<", "_<_"),
        ("<=", "_<=_"),
        (">", "_>_"),
        (">=", "_>=_"),
        ("in", "@in"),
    ],
    &[("+", "_+_"), ("-", "_-_")],
    &[("*", "_*_"), ("/", "_/_"), ("%", "_%_")],
];

impl<'s> Parser<'s> {
    /// `or ? or : expression`
    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::TooDeep);
        }
        let condition = self.logical(Logical::Or)?;
        let parsed = match self.take("?") {
            None => condition,
            Some(token) => {
                let then = self.logical(Logical::Or)?;
                self.require(":")?;
                let otherwise = self.expression()?;
                operator("_?_:_", token.start, vec![condition, then, otherwise])?
            }
        };
        self.depth -= 1;
        Ok(parsed)
    }

    fn logical(&mut self, operator: Logical) -> Parsed {
        let operand = |parser: &mut Self| match operator {
            Logical::Or => parser.logical(Logical::And),
            Logical::And => parser.binary(0),
        };
        let sign = match operator {
            Logical::Or => "||",
            Logical::And => "&&",
        };
        let first = operand(self)?;
        let Some(token) = self.take(sign) else { return Ok(first) };
        let mut operands = vec![first, operand(self)?];
        while self.take(sign).is_some() {
            operands.push(operand(self)?);
        }
        let span = covering(&operands, token.start..token.end);
        let height = height(&operands);
        syntax(SyntaxKind::Logical { operator, operands }, token.start, span, height)
    }

    fn binary(&mut self, level: usize) -> Parsed {
        let Some(operators) = BINARY.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some((token, name)) = self.take_any(operators) {
            let right = self.binary(level + 1)?;
            left = operator(name, token.start, vec![left, right])?;
        }
        Ok(left)
    }

    /// Signs in front of an operand. An even number of them has no effect.
    fn unary(&mut self) -> Parsed {
        for (sign, name) in [("!", "!_"), ("-", "-_")] {
            let Some(first) = self.take(sign) else { continue };
            let mut count = 1;
            while self.take(sign).is_some() {
                count += 1;
            }
            // A number keeps the last sign, because the least integer has no positive counterpart.
            let is_number = matches!(
                self.peek().map(|t| &t.kind),
                Some(TokenKind::Integer { .. } | TokenKind::Double(_))
            );
            let negative = sign == "-" && is_number;
            count -= usize::from(negative);
            let mut operand = self.member(negative)?;
            operand.span.start = if negative { first.start } else { operand.span.start };
            operand.bracketed.start = operand.bracketed.start.min(operand.span.start);
            if count % 2 == 0 {
                return Ok(operand);
            }
            return operator(name, first.start, vec![operand]);
        }
        self.member(false)
    }

    /// An operand with selections, indexes and calls behind it.
    fn member(&mut self, negative: bool) -> Parsed {
        let mut operand = self.primary(negative)?;
        loop {
            let start = operand.bracketed.start;
            operand = if let Some(dot) = self.take(".") {
                if let Some(optional) = self.take("?") {
                    return Err(problem(optional.start, "unsupported syntax '.?'"));
                }
                let (field, end) = self.field()?;
                if let Some(open) = self.take("(") {
                    let arguments = self.arguments()?;
                    let height = height(&arguments).max(operand.height);
                    let kind = SyntaxKind::Call { name: field, target: Some(Box::new(operand)), arguments };
                    syntax(kind, open.start, start..self.behind(), height)?
                } else {
                    let height = operand.height;
                    let kind = SyntaxKind::Field { operand: Box::new(operand), field };
                    syntax(kind, dot.start, start..end, height)?
                }
            } else if let Some(open) = self.take("[") {
                if let Some(optional) = self.take("?") {
                    return Err(problem(optional.start, "unsupported syntax '[?'"));
                }
                let index = self.expression()?;
                self.require("]")?;
                let height = index.height.max(operand.height);
                let kind = SyntaxKind::Call {
                    name: "_[_]".to_owned(),
                    target: None,
                    arguments: vec![operand, index],
                };
                syntax(kind, open.start, start..self.behind(), height)?
            } else if self.peek().is_some_and(|token| token.kind == TokenKind::Sign("{")) {
                let Some(name) = operand.qualified_name() else { return Ok(operand) };
                self.next += 1;
                self.message(name, operand.token, start)?
            } else {
                return Ok(operand);
            };
        }
    }

    fn primary(&mut self, negative: bool) -> Parsed {
        let Some(Token { kind, start, end }) = self.peek() else { return Err(self.unexpected(OPERAND)) };
        let (start, span) = (*start, *start..*end);
        let constant = match kind {
            TokenKind::Sign("(") => return self.bracketed(start),
            TokenKind::Sign("[") => return self.list(start),
            TokenKind::Sign("{") => return self.map(start),
            TokenKind::Sign(".") | TokenKind::Word(_) => return self.name(),
            TokenKind::Integer { text, unsigned } => match integer_value(text, *unsigned, negative) {
                // Unsigned numbers have no sign.
                Some(Constant::Uint(_)) if negative => return Err(self.unexpected(OPERAND)),
                Some(constant) => constant,
                None => {
                    let kind = if *unsigned { "uint" } else { "int" };
                    return Err(problem(start, &format!("invalid {kind} literal")));
                }
            },
            TokenKind::Double(text) => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Constant::Double(if negative { -value } else { value }),
                _ => return Err(problem(start, "invalid double literal")),
            },
            TokenKind::String(text) => Constant::String(text.as_str().into()),
            TokenKind::Bytes(bytes) => Constant::Bytes(bytes.as_slice().into()),
            TokenKind::Sign(_) | TokenKind::End => return Err(self.unexpected(OPERAND)),
        };
        self.next += 1;
        syntax(SyntaxKind::Literal(constant), start, span, 0)
    }

    /// A name, a keyword that is a value, or the call of a function.
    fn name(&mut self) -> Parsed {
        let dot = self.take(".");
        let Some(&Token { kind: TokenKind::Word(word), start, end }) = self.peek() else {
            return Err(self.unexpected("IDENTIFIER"));
        };
        let begin = dot.as_ref().map_or(start, |dot| dot.start);
        let keyword = match word {
            "true" => Some(Constant::Bool(true)),
            "false" => Some(Constant::Bool(false)),
            "null" => Some(Constant::Null),
            _ => None,
        };
        if word == "in" || dot.is_some() && keyword.is_some() {
            return Err(self.unexpected(OPERAND));
        }
        self.next += 1;
        if let Some(constant) = keyword {
            return syntax(SyntaxKind::Literal(constant), start, start..end, 0);
        }
        if RESERVED.contains(&word) {
            return Err(problem(start, &format!("reserved identifier: {word}")));
        }
        let name = word.to_owned();
        if let Some(open) = self.take("(") {
            let arguments = self.arguments()?;
            let height = height(&arguments);
            let kind = SyntaxKind::Call { name, target: None, arguments };
            return syntax(kind, open.start, begin..self.behind(), height);
        }
        syntax(SyntaxKind::Name { name, absolute: dot.is_some() }, start, begin..end, 0)
    }

    fn bracketed(&mut self, start: usize) -> Parsed {
        self.next += 1;
        let mut inside = self.expression()?;
        self.require(")")?;
        inside.bracketed = start..self.behind();
        Ok(inside)
    }

    fn list(&mut self, start: usize) -> Parsed {
        self.next += 1;
        let mut items = Vec::new();
        self.lone_comma("]");
        while self.take("]").is_none() {
            if let Some(optional) = self.take("?") {
                return Err(problem(optional.start, "unsupported syntax '?'"));
            }
            items.push(self.expression()?);
            if self.take(",").is_none() {
                self.require("]")?;
                break;
            }
        }
        let height = height(&items);
        syntax(SyntaxKind::List(items), start, start..self.behind(), height)
    }

    /// Passes the comma of `[,]` and `{,}`, which the grammar permits.
    fn lone_comma(&mut self, closing: &'static str) {
        let is = |place: usize, sign| self.tokens.get(place).is_some_and(|t| t.kind == TokenKind::Sign(sign));
        if is(self.next, ",") && is(self.next + 1, closing) {
            self.next += 1;
        }
    }

    fn map(&mut self, start: usize) -> Parsed {
        self.next += 1;
        let mut entries = Vec::new();
        let mut height = 0;
        self.lone_comma("}");
        while self.take("}").is_none() {
            if let Some(optional) = self.take("?") {
                return Err(problem(optional.start, "unsupported syntax '?'"));
            }
            let key = self.expression()?;
            self.require(":")?;
            let value = self.expression()?;
            height = height.max(key.height).max(value.height);
            entries.push((key, value));
            if self.take(",").is_none() {
                self.require("}")?;
                break;
            }
        }
        syntax(SyntaxKind::Map(entries), start, start..self.behind(), height)
    }

    /// A message with its fields. There are no types of messages, so that the check refuses it by its name.
    fn message(&mut self, name: String, token: usize, start: usize) -> Parsed {
        while self.take("}").is_none() {
            self.field()?;
            self.require(":")?;
            self.expression()?;
            if self.take(",").is_none() {
                self.require("}")?;
                break;
            }
        }
        syntax(SyntaxKind::Message { name }, token, start..self.behind(), 0)
    }

    /// The name of a field, and the byte behind it.
    fn field(&mut self) -> Result<(String, usize), Fault> {
        match self.peek() {
            Some(Token { kind: TokenKind::Word(word), end, .. }) if !KEYWORDS.contains(word) => {
                let field = ((*word).to_owned(), *end);
                self.next += 1;
                Ok(field)
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    /// The arguments of a call, behind its opening bracket.
    fn arguments(&mut self) -> Result<Vec<Syntax>, Fault> {
        let mut arguments = Vec::new();
        if self.take(")").is_some() {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.take(",").is_none() {
                self.require(")")?;
                return Ok(arguments);
            }
        }
    }

    fn peek(&self) -> Option<&Token<'s>> {
        self.tokens.get(self.next)
    }

    /// Takes the next token if it is this sign or word. Gives its place.
    fn take(&mut self, sign: &str) -> Option<Range<usize>> {
        let token = self.peek()?;
        let is_it = match &token.kind {
            TokenKind::Sign(found) | TokenKind::Word(found) => *found == sign,
            _ => false,
        };
        let place = token.start..token.end;
        is_it.then(|| {
            self.next += 1;
            place
        })
    }

    fn take_any(&mut self, operators: &[(&str, &'static str)]) -> Option<(Range<usize>, &'static str)> {
        operators.iter().find_map(|(sign, name)| Some((self.take(sign)?, *name)))
    }

    fn require(&mut self, sign: &str) -> Result<(), Fault> {
        match self.take(sign) {
            Some(_) => Ok(()),
            None => Err(self.unexpected(&format!("'{sign}'"))),
        }
    }

    /// The byte behind the last token that was taken.
    fn behind(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |token| token.end)
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let (start, end) = self.peek().map_or((self.source.len(), self.source.len()), |t| (t.start, t.end));
        let found = self.source.get(start..end).filter(|found| !found.is_empty()).unwrap_or("<EOF>");
        problem(start, &format!("Syntax error: mismatched input '{found}' expecting {expected}"))
    }
}

/// An operator with its operands.
fn operator(name: &str, token: usize, operands: Vec<Syntax>) -> Parsed {
    let span = covering(&operands, token..token);
    let height = height(&operands);
    syntax(SyntaxKind::Call { name: name.to_owned(), target: None, arguments: operands }, token, span, height)
}

/// A part; too deep if there are too many inside each other, because the tree is walked and dropped by recursion.
fn syntax(kind: SyntaxKind, token: usize, span: Range<usize>, inside: usize) -> Parsed {
    if inside >= DEEPEST {
        return Err(Fault::TooDeep);
    }
    Ok(Syntax { kind, token, bracketed: span.clone(), span, height: inside + 1 })
}

fn problem(offset: usize, message: &str) -> Fault {
    Fault::Problem(Problem { offset, message: message.to_owned() })
}

/// The text from the first part to the last, and a token.
fn covering(parts: &[Syntax], token: Range<usize>) -> Range<usize> {
    parts
        .iter()
        .fold(token, |span, part| span.start.min(part.bracketed.start)..span.end.max(part.bracketed.end))
}

fn height(parts: &[Syntax]) -> usize {
    parts.iter().map(|part| part.height).max().unwrap_or(0)
}
