use clap::ValueEnum;
use serde::Serialize;

use super::table::Width;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For people with wide terminals.
    Wide,
    /// JSON; while watching, an object a line.
    Json,
    /// YAML; while watching, a document each.
    Yaml,
}

/// What a list is written by.
pub(crate) enum Format {
    Table(Width),
    Notation(Notation),
}

/// How something is written for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notation {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Output {
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Table => Format::Table(Width::Usual),
            Self::Wide => Format::Table(Width::Wide),
            Self::Json => Format::Notation(Notation::Json),
            Self::Yaml => Format::Notation(Notation::Yaml),
        }
    }
}

impl Notation {
    pub(crate) fn write(self, value: &impl Serialize) -> anyhow::Result<String> {
        Ok(match self {
            Self::Json => serde_json::to_string_pretty(value)?,
            Self::Yaml => serde_saphyr::to_string(value)?.trim_end().to_owned(),
        })
    }
}
