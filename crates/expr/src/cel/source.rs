//! The places of an expression's parts in its text.

use std::ops::Range;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, SourceInfo};

/// The text of an expression with the places of its tokens.
pub(super) struct Source<'s> {
    text: &'s str,
    places: &'s SourceInfo,
}

impl<'s> Source<'s> {
    pub(super) fn new(text: &'s str, places: &'s SourceInfo) -> Self {
        Self { text, places }
    }

    /// The token that stands for a part: the operator, the dot, the bracket, or the name itself.
    pub(super) fn token(&self, expression: &IdedExpr) -> Range<usize> {
        let (start, last) = self.places.offset_for(expression.id).unwrap_or_default();
        let start = usize::try_from(start).unwrap_or(0).min(self.text.len());
        let last = usize::try_from(last).unwrap_or(0);
        let end = (last + 1..=last + 4).find(|end| self.text.is_char_boundary(*end));
        start..end.unwrap_or(self.text.len()).clamp(start, self.text.len())
    }

    /// The whole text of a part.
    pub(super) fn span(&self, expression: &IdedExpr) -> Range<usize> {
        let mut span = self.token(expression);
        self.cover(expression, &mut span);
        self.balanced(span)
    }

    fn cover(&self, expression: &IdedExpr, span: &mut Range<usize>) {
        let token = self.token(expression);
        span.start = span.start.min(token.start);
        span.end = span.end.max(token.end);
        match &expression.expr {
            Expr::Select(select) => {
                self.cover(&select.operand, span);
                span.end = span.end.max(self.behind_name(token.end));
            }
            Expr::Call(call) => {
                if call.target.is_none() {
                    span.start = span.start.min(self.before_name(token.start));
                }
                call.target.iter().for_each(|part| self.cover(part, span));
                call.args.iter().for_each(|part| self.cover(part, span));
            }
            Expr::List(list) => list.elements.iter().for_each(|part| self.cover(part, span)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    self.cover(&entry.key, span);
                    self.cover(&entry.value, span);
                }
            }),
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::Literal(_)
            | Expr::Struct(_) => {}
        }
    }

    /// The end of the name that follows a dot.
    fn behind_name(&self, dot: usize) -> usize {
        let rest = self.text.get(dot..).unwrap_or_default();
        let name = rest.trim_start();
        let length = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        dot + (rest.len() - name.len()) + length
    }

    /// The start of the name in front of a bracket that opens arguments; the place itself for an operator.
    fn before_name(&self, bracket: usize) -> usize {
        if !self.text.get(bracket..).unwrap_or_default().starts_with('(') {
            return bracket;
        }
        let before = self.text.get(..bracket).unwrap_or_default().trim_end();
        before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '.').len()
    }

    /// The range, extended so that each bracket in it has its partner in it.
    fn balanced(&self, range: Range<usize>) -> Range<usize> {
        let inside = self.text.get(range.clone()).unwrap_or_default();
        let (mut open, mut unopened) = (0_usize, 0_usize);
        for (_, bracket) in brackets(inside) {
            match bracket {
                '(' | '[' | '{' => open += 1,
                _ if open > 0 => open -= 1,
                _ => unopened += 1,
            }
        }
        let mut start = range.start;
        while unopened > 0 {
            let before = self.text.get(..start).unwrap_or_default();
            let Some(opening) = before.rfind(['(', '[', '{']) else { break };
            start = opening;
            unopened -= 1;
        }
        let mut end = range.end;
        let behind = self.text.get(end..).unwrap_or_default();
        for (at, bracket) in brackets(behind) {
            match (open, bracket) {
                (0, _) => break,
                (_, '(' | '[' | '{') => open += 1,
                _ => {
                    open -= 1;
                    end = range.end + at + 1;
                }
            }
        }
        start..end
    }
}

/// The brackets of a text outside of its strings, with their places. Raw strings count as others.
fn brackets(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, letter)| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match quote {
            Some(open) => {
                escaped = *letter == '\\';
                if *letter == open {
                    quote = None;
                }
                false
            }
            None if matches!(letter, '"' | '\'') => {
                quote = Some(*letter);
                false
            }
            None => matches!(letter, '(' | ')' | '[' | ']' | '{' | '}'),
        }
    })
}
