use std::process::ExitCode;

use anstream::println;
use trigger_core::ImageRef;
use trigger_server::wire::{ImageQuery, Images};

use super::rows;
use crate::admin_client::{Client, Format, Output, Table};

/// Flags of `images list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only images of Builds in this namespace.
    #[arg(long, short = 'n', value_name = "NAME")]
    namespace: Option<String>,
    /// Only this image. Short names such as `node:20` are completed.
    #[arg(long, value_name = "REF")]
    image: Option<ImageRef>,
    /// Only images that cannot be resolved at present.
    #[arg(long)]
    failing: bool,
    /// Output format.
    #[arg(long, short = 'o', default_value = "table", value_name = "FORMAT")]
    output: Output,
}

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let Args { namespace, image, failing, output } = args;
    let query = ImageQuery { namespace, image: image.map(|image| image.to_string()), failing };
    let found: Images = client.get("/images", &query).await?;
    match output.format() {
        Format::Notation(notation) => println!("{}", notation.write(&found)?),
        Format::Table(_) if found.items.is_empty() && failing => {
            anstream::eprintln!("No image that you may see fails to resolve.");
        }
        Format::Table(_) if found.items.is_empty() => {
            anstream::eprintln!("No Build that you may see waits for a matching image.");
        }
        Format::Table(width) => {
            let rows = found.items.iter().map(|item| rows::image(item, width)).collect();
            Table::print_all(rows::IMAGE_COLUMNS, rows);
        }
    }
    if let (Format::Table(_), Some(replica)) = (output.format(), &found.polled_by) {
        anstream::eprintln!(
            "The replica {replica} polls registries; only that replica knows check times and errors."
        );
    }
    Ok(ExitCode::SUCCESS)
}
