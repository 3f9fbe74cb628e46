//! The page of flags, made of the command line.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory};
use shipwright_trigger::Cli;

use super::{MADE, cell};

pub(super) fn page() -> String {
    let mut text = format!(
        "# Flags\n\nEvery flag has an environment variable where one is named; the flag counts if both are \
         given. {MADE}\n"
    );
    let mut command = Cli::command();
    command.build();
    section(&command, "shipwright-trigger", &mut text);
    text
}

fn section(command: &Command, name: &str, text: &mut String) {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    let _ = writeln!(text, "\n## `{name}`\n\n{}", about.unwrap_or_default());
    let is_shown = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    // What every subcommand takes is told once, at the top.
    let is_own =
        |arg: &&Arg| name == "shipwright-trigger" || !matches!(arg.get_id().as_str(), "log" | "log_format");
    let args: Vec<_> = command.get_arguments().filter(is_shown).filter(is_own).collect();
    if !args.is_empty() {
        text.push_str("\n| flag | environment | default | what |\n|---|---|---|---|\n");
        for arg in args {
            row(arg, text);
        }
    }
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        section(part, &format!("{name} {}", part.get_name()), text);
    }
}

fn row(arg: &Arg, text: &mut String) {
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let values = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let values = values.collect::<Vec<_>>().join(" ");
    let mut flag = match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("--{long}, -{short}"),
        (Some(long), None) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => String::new(),
    };
    if takes_value && !values.is_empty() {
        format!("{flag} {values}").trim().clone_into(&mut flag);
    }
    let environment = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default =
        if takes_value && !defaults.is_empty() { format!("`{}`", defaults.join(",")) } else { String::new() };
    // The command line leaves the full stop of a single sentence out.
    let stop = |text: String| if text.is_empty() || text.ends_with('.') { text } else { text + "." };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).map(stop).unwrap_or_default();
    let possible: Vec<_> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let possible = if takes_value && !possible.is_empty() {
        format!(" One of {}.", possible.join(", "))
    } else {
        String::new()
    };
    let _ = writeln!(text, "| `{flag}` | {environment} | {default} | {}{possible} |", cell(&help));
}
