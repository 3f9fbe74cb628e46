//! `status`: shows how much the namespaces use of what they share. A client of the admin API.

use std::process::ExitCode;

use anstream::println;
use trigger_server::wire::{JournalStatus, NamespaceStatus, Status, StatusQuery};

use crate::admin_client::{Cell, Client, Column, Format, NotFound, Output, ServerArgs, Table};

/// Flags of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl port-forward -n shipwright-trigger service/shipwright-trigger-admin 9090 &
  export SHIPWRIGHT_TRIGGER_TOKEN=$(kubectl create token -n team-a robot)
  shipwright-trigger status
  shipwright-trigger status --namespace team-a

You see namespaces in which you may `get` Builds (builds.shipwright.io), and the whole journal if you may do so in \
all namespaces.")]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Only this namespace. Without it, the 100 that use most of the journal.
    #[arg(long, short = 'n', value_name = "NAME")]
    namespace: Option<String>,
    /// Output format.
    #[arg(long, short = 'o', default_value = "table", value_name = "FORMAT")]
    output: Output,
}

const NOT_FOUND: NotFound = NotFound("the server is of a version that shows no status: update it");

const COLUMNS: &[Column] = &[
    Column::of("NAMESPACE"),
    Column::of("JOURNAL"),
    Column::of("OF QUOTA"),
    Column::of("UNSETTLED"),
    Column::of("IMAGES"),
];

/// From this part of its quota on a namespace is marked, in percent.
const NEARLY_FULL: u64 = 80;

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { server, namespace, output } = args;
    let client = Client::new(&server, NOT_FOUND)?;
    let status: Status = client.get("/status", &StatusQuery { namespace }).await?;
    match output.format() {
        Format::Notation(notation) => println!("{}", notation.write(&status)?),
        Format::Table(_) => {
            if status.items.is_empty() {
                anstream::eprintln!("No namespace that you may see has deliveries.");
            } else {
                let rows = status.items.iter().map(|item| row(item, status.tenant_quota)).collect();
                Table::print_all(COLUMNS, rows);
            }
            if let Some(journal) = &status.journal {
                anstream::eprintln!("{}", whole(journal));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(item: &NamespaceStatus, quota: u64) -> Vec<Cell> {
    let percent = item.journal_bytes.saturating_mul(100) / quota.max(1);
    let of_quota = format!("{percent} %");
    vec![
        Cell::or_dash(Some(item.namespace.as_ref())),
        Cell::plain(size(item.journal_bytes)),
        if percent >= NEARLY_FULL { Cell::bad(of_quota) } else { Cell::plain(of_quota) },
        Cell::plain(item.unsettled.to_string()),
        Cell::plain(item.images.to_string()),
    ]
}

/// The journal as a whole, in a sentence.
fn whole(journal: &JournalStatus) -> String {
    let JournalStatus { bytes, free_bytes, namespaces, namespace_bytes } = journal;
    let free = free_bytes.map(|free| format!(", {} free on its volume", size(free))).unwrap_or_default();
    let (bytes, theirs) = (size(*bytes), size(*namespace_bytes));
    let namespaces = match namespaces {
        1 => "one namespace".to_owned(),
        count => format!("{count} namespaces"),
    };
    format!("The journal has {bytes}{free}; deliveries of {namespaces} take {theirs}.")
}

/// Bytes in the largest unit of which there is at least one.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(journal_bytes: u64, quota: u64) -> Vec<String> {
        let item = NamespaceStatus { namespace: "team-a".into(), journal_bytes, unsettled: 3, images: 2 };
        row(&item, quota).iter().map(|cell| cell.text().to_owned()).collect()
    }

    #[test]
    fn a_row_has_a_cell_for_each_column_and_the_part_of_the_quota() {
        assert_eq!(texts(3 << 29, 2 << 30), ["team-a", "1.5 GiB", "75 %", "3", "2"]);
        assert_eq!(texts(0, 0).len(), COLUMNS.len());
    }

    #[test]
    fn sizes_have_a_unit_that_people_read() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1 << 10, "1.0 KiB"),
            (1_600_000, "1.5 MiB"),
            (1 << 40, "1024.0 GiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn the_whole_journal_is_one_sentence() {
        let journal = JournalStatus {
            bytes: 4 << 20,
            free_bytes: Some(1 << 30),
            namespaces: 1,
            namespace_bytes: 3 << 20,
        };
        let expected =
            "The journal has 4.0 MiB, 1.0 GiB free on its volume; deliveries of one namespace take 3.0 MiB.";
        assert_eq!(whole(&journal), expected);
        let database = JournalStatus { free_bytes: None, namespaces: 2, ..journal };
        assert_eq!(whole(&database), "The journal has 4.0 MiB; deliveries of 2 namespaces take 3.0 MiB.");
    }
}
