/// A part of a path. Each takes the values of the one before and gives the next one its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// The value of this key.
    Field(String),
    /// All values of an object or a list.
    Wildcard,
    /// A value with everything below it that is not empty.
    Descent,
    /// Elements of a list.
    Slice(Slice),
    /// The elements of a list that meet a condition.
    Filter(Filter),
    /// The values of several paths, one after the other.
    Union(Vec<Vec<Node>>),
    /// A string in the place of all values.
    Text(String),
    /// An integer in the place of each value.
    Int(i64),
    /// A number in the place of each value.
    Float(f64),
    /// A boolean in the place of each value.
    Bool(bool),
    /// A word: `range`, `end`, or one that means nothing.
    Word(String),
}

/// `[start:end:step]` or `[index]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) start: Option<i64>,
    pub(super) end: End,
    pub(super) step: Option<i64>,
}

/// The end of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// That of the list.
    OfList,
    /// Given; negative from the end of the list.
    At(i64),
    /// Behind the only element, which is at the start.
    BehindStart,
}

/// `[?(left operator right)]` or `[?(left)]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub(super) left: Vec<Node>,
    /// The comparison; absent for a filter that asks whether `left` exists.
    pub(super) comparison: Option<(Operator, Vec<Node>)>,
}

/// How a filter compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// An error once it is used.
    Unknown(String),
}
