use std::fmt;

/// The largest value, in bytes. No object with a larger one could be created.
pub const LARGEST_VALUE: usize = 3 << 19;
/// All values of a trigger together, in bytes.
pub const LARGEST_VALUES: usize = 4 << 20;

/// A parameter with its value. `Debug` shows no value, because payloads and headers may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Resolved {
    name: String,
    parts: Vec<Part>,
}

/// A part of a resolved value.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Text of a binding or a default.
    Static(String),
    /// A string of an event: the content of a JSON string, without the quotes around it.
    Content(String),
    /// Any other value of an event, as JSON.
    Json(String),
}

impl Part {
    /// The text, as Tekton puts it into a value.
    pub fn text(&self) -> &str {
        match self {
            Self::Static(text) | Self::Content(text) | Self::Json(text) => text,
        }
    }
}

impl Resolved {
    /// A parameter with static text for a value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::of_parts(name.into(), vec![Part::Static(value.into())])
    }

    pub(super) fn of_parts(name: String, parts: Vec<Part>) -> Self {
        Self { name, parts }
    }

    /// The name of the parameter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parts of the value.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The value, as Tekton has it before it is put into a template: strings of the event have the escapes of JSON.
    pub fn text(&self) -> String {
        self.parts.iter().map(Part::text).collect()
    }

    /// The bytes of the value.
    pub fn size(&self) -> usize {
        self.parts.iter().map(|part| part.text().len()).sum()
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolved({}: {} bytes)", self.name, self.size())
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Static(_) => "Static",
            Self::Content(_) => "Content",
            Self::Json(_) => "Json",
        };
        write!(f, "{kind}({} bytes)", self.text().len())
    }
}
