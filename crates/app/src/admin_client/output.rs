use clap::ValueEnum;
use serde::Serialize;

use super::table::Width;

/// The output format of a list, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table.
    Table,
    /// A table with more columns.
    Wide,
    /// JSON; with --watch, one object per line.
    Json,
    /// YAML; with --watch, one document per object.
    Yaml,
}

/// The output format of a list.
pub(crate) enum Format {
    Table(Width),
    Notation(Notation),
}

/// An output format for machines.
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
