use std::process::ExitCode;

use anstream::println;
use trigger_server::wire;

use super::pages::deliveries;
use super::{Filters, rows, watch};
use crate::admin_client::{Client, Format, Output, Table};
use crate::sanitize::escape_lines_for_terminal;

/// Flags of `deliveries list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// Maximum number of entries.
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Output format.
    #[arg(long, short = 'o', default_value = "table", value_name = "FORMAT")]
    output: Output,
    /// Keep running and print each change, until Ctrl-C.
    #[arg(long, short = 'w')]
    watch: bool,
    /// List rejected requests instead of deliveries.
    #[arg(long, conflicts_with_all = ["watch", "repository", "event", "state", "since", "until"])]
    rejected: bool,
}

/// The number of rejections that the API stores.
const MOST_REJECTIONS: u32 = 1000;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let format = args.output.format();
    if args.rejected {
        return rejections(client, args.limit, &format).await;
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let nothing_found = args.filters.nothing_found();
    let query = args.filters.query()?;
    if args.watch {
        return watch::run(client, query, limit, &format, &nothing_found).await;
    }
    let found = deliveries(client, query, limit).await?;
    if found.items.is_empty() {
        let text = escape_lines_for_terminal(&nothing_found);
        anstream::eprintln!("{text} `deliveries list --rejected` lists rejected requests.");
    }
    match format {
        Format::Notation(notation) => println!("{}", notation.write(&found)?),
        Format::Table(_) if found.items.is_empty() => {}
        Format::Table(width) => {
            let rows = found.items.iter().map(|item| rows::delivery(item, width)).collect();
            Table::print_all(rows::delivery_columns(width), rows);
            if found.next.is_some() {
                anstream::eprintln!(
                    "More deliveries match: raise --limit, or narrow the list with filters such as --since."
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn rejections(client: &Client, limit: u32, format: &Format) -> anyhow::Result<ExitCode> {
    let limit = usize::try_from(limit.min(MOST_REJECTIONS)).ok();
    let found: wire::Rejections = client.get("/rejections", &wire::RejectionQuery { limit }).await?;
    match format {
        Format::Notation(notation) => println!("{}", notation.write(&found)?),
        Format::Table(_) if found.items.is_empty() => anstream::eprintln!("No rejected requests."),
        Format::Table(_) => {
            Table::print_all(rows::REJECTION_COLUMNS, found.items.iter().map(rows::rejection).collect());
        }
    }
    Ok(ExitCode::SUCCESS)
}
