//! Patterns of branches, tags and paths. A rule keeps the text and parses it for each comparison: a compiled pattern of a general
//! library takes 10 KB, and one tenant can write tens of thousands.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::limits::{LONGEST_PATTERN, MOST_WILDCARDS};
use crate::work::{NoStepsLeft, Work};

/// A pattern for names with `/`.
///
/// - `?` is one character but `/`, and `*` any number of them.
/// - `[a-z]` is one character of a class, `[!a-z]` or `[^a-z]` one that is not in it.
/// - `**/` at the start, and `/**/`, is any number of directories, also none. `/**` at the end is everything below.
///   `**` beside other characters is any number of characters.
#[derive(Debug)]
pub(super) struct Pattern(Vec<State>);

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternError {
    /// A `[` without `]`.
    UnclosedClass,
    /// A range that ends before it starts.
    InvalidRange(char, char),
    /// More than [`MOST_WILDCARDS`].
    TooComplex(usize),
}

/// A state of the automaton. Its transition to the next state takes a character.
#[derive(Debug)]
enum State {
    /// Takes this character.
    Character(char),
    /// Takes any character but `/`.
    Any,
    /// Takes one of these ranges, or one of no such range.
    Class { negated: bool, ranges: Vec<(char, char)> },
    /// `*`: stays at any character but `/`, and is passed without one.
    Star,
    /// `**` at the end or beside other characters: stays at any character, and is passed without one.
    Rest,
    /// The end of `**/`: stays at any character, and takes `/`.
    Directories,
    /// Is passed to the next state and to the one after it.
    Fork,
}

/// One bit for each state, and one for the end. Each state is made of at least one byte.
const WORDS: usize = LONGEST_PATTERN / 64 + 1;

/// The characters whose effects are kept. Names rarely have more different ones.
const MOST_EFFECTS: usize = 96;
/// How many states one step considers when the effect of a character is computed.
const STATES_A_STEP: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Bits([u64; WORDS]);

/// The effect of a character: the states that it leads to the next one, and those that stay.
struct Effect {
    character: char,
    taken: Bits,
    stay: Bits,
}

/// Whether a text holds a character of a pattern. None of these can occur in a Git ref.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a name matches a text that [`Pattern::parse`] accepts. The time is bounded by the product of the lengths.
pub(super) fn matches(text: &str, name: &str) -> bool {
    may_match(text, name) && Pattern::parse(text).is_ok_and(|pattern| pattern.matches(name))
}

/// Whether a name begins with the literal start of a pattern. Most patterns begin with a literal, and most names with
/// another one. `a/**` does not match `a`.
pub(super) fn may_match(text: &str, name: &str) -> bool {
    let literal = text.find(['*', '?', '[']).unwrap_or(text.len());
    name.as_bytes().get(..literal) == Some(&text.as_bytes()[..literal])
}

/// A pattern that is compared with many names.
pub(super) struct Comparison {
    pattern: Pattern,
    stars: Bits,
    forks: Bits,
    effects: Vec<Effect>,
}

impl Comparison {
    pub(super) fn new(pattern: Pattern) -> Self {
        let (stars, forks) = pattern.passes();
        Self { pattern, stars, forks, effects: Vec::new() }
    }

    /// Whether a name matches.
    pub(super) fn matches(&mut self, name: &str, work: &mut Work) -> Result<bool, NoStepsLeft> {
        let Self { pattern, stars, forks, effects } = self;
        let mut now = Bits::EMPTY.with(0).passed(*stars, *forks);
        let mut steps = 1;
        for character in name.chars() {
            steps += 1;
            let known = effects.iter().position(|effect| effect.character == character);
            let place = known.unwrap_or_else(|| {
                steps += pattern.0.len() / STATES_A_STEP;
                if effects.len() == MOST_EFFECTS {
                    effects.clear();
                }
                effects.push(pattern.effect(character));
                effects.len() - 1
            });
            let Effect { taken, stay, .. } = &effects[place];
            now = now.and(*taken).next().or(now.and(*stay)).passed(*stars, *forks);
            if now == Bits::EMPTY {
                break;
            }
        }
        work.take(steps)?;
        Ok(now.has(pattern.0.len()))
    }
}

impl Pattern {
    /// Parses a text of at most [`LONGEST_PATTERN`] bytes.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut states = Vec::with_capacity(text.len());
        let (mut characters, mut before, mut wildcards) = (text.chars().peekable(), None, 0);
        while let Some(character) = characters.next() {
            wildcards += usize::from(is_pattern(character.encode_utf8(&mut [0; 4])));
            match character {
                '?' => states.push(State::Any),
                '[' => states.push(class(&mut characters)?),
                '*' if characters.next_if_eq(&'*').is_some() => {
                    let at_boundary = before.is_none_or(|before| before == '/');
                    let is_last = characters.peek().is_none();
                    if at_boundary && (is_last || characters.next_if_eq(&'/').is_some()) {
                        directories(&mut states, is_last);
                        before = Some('/');
                        continue;
                    }
                    states.push(State::Rest);
                }
                '*' => states.push(State::Star),
                other => states.push(State::Character(other)),
            }
            before = Some(character);
        }
        if let [State::Fork, State::Directories] = states[..] {
            states = vec![State::Rest];
        }
        if wildcards > MOST_WILDCARDS { Err(PatternError::TooComplex(wildcards)) } else { Ok(Self(states)) }
    }

    /// Whether one name matches.
    fn matches(self, name: &str) -> bool {
        Comparison::new(self).matches(name, &mut Work::unbounded()).unwrap_or(false)
    }

    /// The states that are passed without a character: to the next one, and to the one after it as well.
    fn passes(&self) -> (Bits, Bits) {
        let (mut stars, mut forks) = (Bits::EMPTY, Bits::EMPTY);
        for (place, state) in self.0.iter().enumerate() {
            match state {
                State::Star | State::Rest => stars = stars.with(place),
                State::Fork => forks = forks.with(place),
                _ => {}
            }
        }
        (stars, forks)
    }

    fn effect(&self, character: char) -> Effect {
        let (mut taken, mut stay) = (Bits::EMPTY, Bits::EMPTY);
        for (place, state) in self.0.iter().enumerate() {
            let (leaves, remains) = match state {
                State::Character(one) => (*one == character, false),
                State::Any => (character != '/', false),
                State::Class { negated, ranges } => {
                    let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&character));
                    (is_in != *negated, false)
                }
                State::Star => (false, character != '/'),
                State::Rest => (false, true),
                State::Directories => (character == '/', true),
                State::Fork => (false, false),
            };
            taken = if leaves { taken.with(place) } else { taken };
            stay = if remains { stay.with(place) } else { stay };
        }
        Effect { character, taken, stay }
    }
}

/// Adds `**` between slashes, or the last one. Several in a row are as one.
fn directories(states: &mut Vec<State>, is_last: bool) {
    if matches!(states.last(), Some(State::Directories)) {
        states.truncate(states.len() - 2);
    }
    if is_last {
        states.push(State::Rest);
    } else {
        states.extend([State::Fork, State::Directories]);
    }
}

/// The class behind a `[`. A `]` or `-` at the start stands for itself, as does a `-` at the end.
fn class(characters: &mut Peekable<Chars<'_>>) -> Result<State, PatternError> {
    let negated = characters.next_if(|next| ['!', '^'].contains(next)).is_some();
    let mut ranges = Vec::<(char, char)>::new();
    let mut in_range = false;
    loop {
        let character = characters.next().ok_or(PatternError::UnclosedClass)?;
        match (character, ranges.last_mut()) {
            (']', Some(_)) => break,
            (last, Some(range)) if in_range => {
                range.1 = last;
                in_range = false;
                if range.1 < range.0 {
                    return Err(PatternError::InvalidRange(range.0, range.1));
                }
            }
            ('-', Some(_)) => in_range = true,
            (one, _) => ranges.push((one, one)),
        }
    }
    ranges.extend(in_range.then_some(('-', '-')));
    Ok(State::Class { negated, ranges })
}

impl Bits {
    const EMPTY: Self = Self([0; WORDS]);

    fn with(mut self, place: usize) -> Self {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
        self
    }

    fn has(self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// Each bit one place further.
    fn next(self) -> Self {
        let carried = |word: usize| if word == 0 { 0 } else { self.0[word - 1] >> 63 };
        Self(std::array::from_fn(|word| self.0[word] << 1 | carried(word)))
    }

    /// With all states that are reached without a character.
    fn passed(mut self, stars: Self, forks: Self) -> Self {
        loop {
            let beside = self.and(forks).next();
            let all = self.or(self.and(stars).next()).or(beside).or(beside.next());
            if all == self {
                return self;
            }
            self = all;
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnclosedClass => f.write_str("unclosed character class; missing ']'"),
            Self::InvalidRange(first, last) => write!(f, "invalid range; '{first}' > '{last}'"),
            Self::TooComplex(found) => {
                write!(
                    f,
                    "it has {found} wildcards, at most {MOST_WILDCARDS} are allowed; use several patterns"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use globset::GlobBuilder;
    use proptest::prelude::*;

    use super::*;

    /// The meaning of a pattern by the library that Git tools use. There, `**` beside other characters is as `*`.
    fn oracle(text: &str, name: &str) -> Option<bool> {
        let glob = GlobBuilder::new(&with_alternatives(text))
            .literal_separator(true)
            .backslash_escape(false)
            .build()
            .ok()?;
        Some(glob.compile_matcher().is_match(name))
    }

    /// The pattern with alternatives in the place of each `**` beside other characters.
    fn with_alternatives(text: &str) -> String {
        let (mut found, mut rest) = (String::new(), text);
        while let Some(character) = rest.chars().next() {
            let at_boundary = found.is_empty() || found.ends_with('/');
            let class = class_of(rest);
            if class > 0 {
                found.push_str(&rest[..class]);
                rest = &rest[class..];
            } else if let Some(after) = rest.strip_prefix("**") {
                let is_directories = at_boundary && (after.is_empty() || after.starts_with('/'));
                found.push_str(if is_directories { "**" } else { "{*,*/**/*}" });
                rest = after;
            } else {
                found.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        found
    }

    /// The length of the class at the start of a text, if there is one.
    fn class_of(text: &str) -> usize {
        let Some(inside) = text.strip_prefix('[') else { return 0 };
        let negation = usize::from(inside.starts_with(['!', '^']));
        let first = inside[negation..].chars().next().map_or(0, char::len_utf8);
        inside[negation + first..].find(']').map_or(0, |end| 1 + negation + first + end + 1)
    }

    fn pattern() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => "[ab/]", 3 => Just("*".to_owned()), 3 => Just("**".to_owned()), 1 => Just("?".to_owned()),
            2 => Just("/**/".to_owned()), 2 => Just("/".to_owned()), 1 => "\\[[!^]?[]ab-]{1,3}\\]", 1 => "[-\\],!^\\[]",
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_pattern_means_the_same_as_in_other_tools(text in pattern(), name in "[ab/\\]-]{0,8}") {
            let found = Pattern::parse(&text);
            if !matches!(found, Err(PatternError::TooComplex(_))) {
                prop_assert_eq!(found.ok().map(|_| matches(&text, &name)), oracle(&text, &name));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,64}", name in ".{0,64}") {
            matches(&text, &name);
        }
    }

    #[test]
    fn a_question_mark_is_one_character_also_beyond_ascii() {
        assert!(matches("r?", "ré") && matches("[à-ü]*", "été") && !matches("r?", "r/"));
    }

    #[test]
    fn two_stars_cross_directories_wherever_they_stand() {
        for (text, name, expected) in [
            ("**.js", "web/src/app.js", true),
            ("**.js", "app.js", true),
            ("web/**.js", "web/a/b.js", true),
            ("web**", "web/a/b", true),
            ("web**", "website", true),
            ("*.js", "web/app.js", false),
            ("a**b", "a/x/b", true),
            ("a**b", "ab", true),
            ("**/docs/**", "docs/a", true),
            ("**/docs/**", "web/docs/a", true),
            ("**/docs/**", "web/docs", false),
        ] {
            assert_eq!(matches(text, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn a_comparison_with_many_names_is_paid_for() {
        let pattern = || Comparison::new(Pattern::parse("**/*a*b*c").unwrap());
        let mut work = Work::default();
        work.begin(&"team-a".into());
        let mut comparison = pattern();
        // Each character is another one.
        let names: Vec<String> = (0..20_u32)
            .map(|name| {
                (0..100).filter_map(|place| char::from_u32(0x4e00 + (name * 100 + place) % 20_000)).collect()
            })
            .collect();
        let compared =
            names.iter().take_while(|name| comparison.matches(name, &mut work) == Ok(false)).count();
        assert_eq!(compared, names.len(), "that is not too much");
        assert!(comparison.effects.len() <= MOST_EFFECTS);
        while work.take(1 << 16).is_ok() {}
        assert_eq!(pattern().matches("abc", &mut work), Err(NoStepsLeft));
    }

    #[test]
    fn the_longest_patterns_are_compared_and_longer_ones_are_refused() {
        let name = "a".repeat(1024);
        for (text, expected) in [
            ("*a".repeat(16), true),
            (format!("{}*{}", "a".repeat(120), "a".repeat(135)), true),
            ("*a".repeat(15) + "*b", false),
            ("**/".repeat(8) + "*", true),
        ] {
            assert!(text.len() <= LONGEST_PATTERN);
            assert_eq!(matches(&text, &name), expected, "{text}");
        }
        assert_eq!(Pattern::parse(&"*a".repeat(17)).unwrap_err(), PatternError::TooComplex(17));
        assert_eq!(Pattern::parse(&"*a".repeat(70_000)).unwrap_err(), PatternError::TooComplex(70_000));
    }
}
