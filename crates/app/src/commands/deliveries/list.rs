use std::process::ExitCode;

use anstream::println;
use clap::ValueEnum;
use trigger_server::wire;

use super::client::Client;
use super::table::{self, Table, Width};
use super::{Filters, Notation, watch};

/// Flags of `deliveries list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// How the list is written.
    #[arg(long, short = 'o', default_value = "table", value_name = "FORMAT")]
    output: Output,
    /// Go on and show what changes, until Ctrl-C.
    #[arg(long, short = 'w')]
    watch: bool,
    /// List the requests that were refused instead.
    #[arg(long, conflicts_with_all = ["watch", "repository", "event", "state", "since", "until"])]
    refused: bool,
}

/// How the list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
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
pub(super) enum Format {
    Table(Width),
    Notation(Notation),
}

/// The API keeps no more refusals.
const MOST_REFUSALS: u32 = 1000;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let format = args.output.format();
    if args.refused {
        return refused(client, args.limit, &format).await;
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let query = args.filters.query()?;
    if args.watch {
        return watch::run(client, query, limit, &format).await;
    }
    let found = client.deliveries(query, limit).await?;
    match format {
        Format::Notation(notation) => println!("{}", notation.write(&found)?),
        Format::Table(_) if found.items.is_empty() => {
            anstream::eprintln!("No deliveries. `deliveries list --refused` shows what was refused.");
        }
        Format::Table(width) => {
            let rows: Vec<_> = found.items.iter().map(|item| table::delivery(item, width)).collect();
            let table = Table::begin(table::delivery_titles(width), &rows);
            for row in rows {
                table.print(row);
            }
            if found.next.is_some() {
                anstream::eprintln!(
                    "There are more; --limit shows them, --since and the like narrow them down."
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn refused(client: &Client, limit: u32, format: &Format) -> anyhow::Result<ExitCode> {
    let limit = usize::try_from(limit.min(MOST_REFUSALS)).ok();
    let found: wire::Refusals = client.get("/refusals", &wire::RefusalQuery { limit }).await?;
    match format {
        Format::Notation(notation) => println!("{}", notation.write(&found)?),
        Format::Table(_) if found.items.is_empty() => anstream::eprintln!("Nothing was refused."),
        Format::Table(_) => {
            let rows: Vec<_> = found.items.iter().map(table::refusal).collect();
            let table = Table::begin(table::refusal_titles(), &rows);
            for row in rows {
                table.print(row);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Output {
    fn format(self) -> Format {
        match self {
            Self::Table => Format::Table(Width::Usual),
            Self::Wide => Format::Table(Width::Wide),
            Self::Json => Format::Notation(Notation::Json),
            Self::Yaml => Format::Notation(Notation::Yaml),
        }
    }
}
