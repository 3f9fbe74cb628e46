use std::process::ExitCode;

use anstream::println;
use owo_colors::OwoColorize;
use trigger_core::ImageRef;
use trigger_server::wire::{Image, ImageCheckOutcome, ImageCheckRequest, ImageQuery, Images};

use super::rows;
use crate::admin_client::{Client, Notation};
use crate::sanitize::plain;

/// Flags of `images check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit status is 0 if it is known now what the image stands for, at least in one namespace, 3 if it is not
known anywhere or no Build waits for the image, 1 if something is wrong.")]
pub(super) struct Args {
    /// The image, in any spelling.
    #[arg(value_name = "REF")]
    image: ImageRef,
    /// Write it for machines.
    #[arg(long, short = 'o', value_name = "FORMAT")]
    output: Option<Notation>,
}

/// It is not known what the image stands for: told apart from an error, for scripts.
const NOT_KNOWN: u8 = 3;
/// So many images are named when nobody waits for the one asked for.
const NAMED_AT_MOST: usize = 10;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let Args { image, output } = args;
    let all: Images = client.get("/images", &ImageQuery::default()).await?;
    if !all.items.iter().any(|item| item.image == image.as_str()) {
        unknown(&image, &all.items);
        return Ok(ExitCode::from(NOT_KNOWN));
    }
    let checked: ImageCheckOutcome =
        client.post("/images/check", &ImageCheckRequest { image: image.to_string() }).await?;
    match output {
        Some(notation) => println!("{}", notation.write(&checked)?),
        None => tell(&image, &checked),
    }
    let is_known = checked.items.iter().any(Image::is_known);
    Ok(if is_known { ExitCode::SUCCESS } else { ExitCode::from(NOT_KNOWN) })
}

fn tell(image: &ImageRef, checked: &ImageCheckOutcome) {
    println!("{}", image.bold());
    for item in &checked.items {
        println!("  {}: {}", item.namespace, plain(&rows::standing(item)));
    }
    if !checked.complete {
        anstream::eprintln!(
            "The registry has not been asked by now, or is slow; it goes on in the background. `images list` shows \
             what comes of it."
        );
    }
}

/// Names some images that are waited for, those first that are most likely meant.
fn unknown(image: &ImageRef, items: &[Image]) {
    let mut known: Vec<&str> = items.iter().map(|item| item.image.as_str()).collect();
    known.dedup();
    if known.is_empty() {
        anstream::eprintln!("No Build that you may see waits for {image}, nor for any other image.");
        return;
    }
    anstream::eprintln!("No Build that you may see waits for {image}. These are waited for:");
    known.sort_by_key(|name| distance(image, name));
    for name in known.iter().take(NAMED_AT_MOST) {
        anstream::eprintln!("  {name}");
    }
    if known.len() > NAMED_AT_MOST {
        anstream::eprintln!("  and {} more; see `images list`", known.len() - NAMED_AT_MOST);
    }
}

/// How unlike a name is: another tag of the same image is nearest, then one of the same name elsewhere.
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
    fn what_is_most_likely_meant_is_nearest() {
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
