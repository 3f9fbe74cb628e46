use std::process::ExitCode;

use anstream::println;
use owo_colors::OwoColorize;
use trigger_core::ImageRef;
use trigger_server::wire::{Image, ImageCheckOutcome, ImageCheckRequest, ImageQuery, Images};

use super::rows;
use crate::admin_client::{Client, Notation};
use crate::sanitize::escape_for_terminal;

/// Flags of `images check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit status is 0 if the image resolves to a digest in at least one namespace, 3 if it resolves in none or no Build waits for it, 1 after an error.")]
pub(super) struct Args {
    /// The image. Short names such as `node:20` are completed.
    #[arg(value_name = "REF")]
    image: ImageRef,
    /// Output format for machines. Default: text.
    #[arg(long, short = 'o', value_name = "FORMAT")]
    output: Option<Notation>,
}

/// The exit status if the image resolves to no digest, so that scripts can tell it from an error.
const UNRESOLVED: u8 = 3;
/// The number of followed images to suggest when no Build waits for the given one.
const SUGGESTIONS: usize = 10;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let Args { image, output } = args;
    let all: Images = client.get("/images", &ImageQuery::default()).await?;
    if !all.items.iter().any(|item| item.image == image.as_str()) {
        print_suggestions(&image, &all.items);
        return Ok(ExitCode::from(UNRESOLVED));
    }
    let checked: ImageCheckOutcome =
        client.post("/images/check", &ImageCheckRequest { image: image.to_string() }).await?;
    match output {
        Some(notation) => println!("{}", notation.write(&checked)?),
        None => print_status(&image, &checked),
    }
    let is_resolved = checked.items.iter().any(Image::is_known);
    Ok(if is_resolved { ExitCode::SUCCESS } else { ExitCode::from(UNRESOLVED) })
}

fn print_status(image: &ImageRef, checked: &ImageCheckOutcome) {
    println!("{}", image.bold());
    for item in &checked.items {
        println!("  {}: {}", item.namespace, escape_for_terminal(&rows::status(item)));
    }
    if !checked.complete {
        anstream::eprintln!(
            "The registry has not responded yet. The check continues in the background: see `images list`."
        );
    }
}

/// Prints images that Builds wait for, those most similar to `image` first.
fn print_suggestions(image: &ImageRef, items: &[Image]) {
    let mut known: Vec<&str> = items.iter().map(|item| item.image.as_str()).collect();
    known.dedup();
    if known.is_empty() {
        anstream::eprintln!("No Build that you may see waits for {image}, or for any other image.");
        return;
    }
    anstream::eprintln!("No Build that you may see waits for {image}. Followed images:");
    known.sort_by_key(|name| distance(image, name));
    for name in known.iter().take(SUGGESTIONS) {
        anstream::eprintln!("  {name}");
    }
    if known.len() > SUGGESTIONS {
        anstream::eprintln!("  and {} more; see `images list`", known.len() - SUGGESTIONS);
    }
}

/// The distance of a name: another tag of the same image is nearest, then the same name in another place.
fn distance(image: &ImageRef, name: &str) -> u8 {
    let last = |repository: &str| repository.rsplit('/').next().map(ToOwned::to_owned);
    match ImageRef::parse(name) {
        Ok(other) if other.registry() == image.registry() && other.repository() == image.repository() => 0,
        Ok(other) if last(other.repository()) == last(image.repository()) => 1,
        Ok(other) if other.registry() == image.registry() => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_image_is_nearest() {
        let image = ImageRef::parse("node:21").unwrap();
        for (name, expected) in [
            ("docker.io/library/node:20", 0),
            ("ghcr.io/acme/node:1", 1),
            ("docker.io/library/golang:1", 2),
            ("ghcr.io/acme/base:1", 3),
        ] {
            assert_eq!(distance(&image, name), expected, "{name}");
        }
    }
}
