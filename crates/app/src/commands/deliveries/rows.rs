//! Table rows of deliveries and rejections.

use trigger_providers::rule_event_name;
use trigger_server::wire::{Delivery, Rejection, State};

use super::changes;
use crate::admin_client::{Cell, Column, Width, age, rfc3339};

/// The minimum widths fit later rows of a watch: ages, states and the names of usual events.
const AGE: Column = Column::at_least("AGE", 4);
const STATE: Column = Column::at_least("STATE", "settled".len());
const EVENT: Column = Column::at_least("EVENT", "PullRequest".len());

/// The columns of [`delivery`].
pub(super) fn delivery_columns(width: Width) -> &'static [Column] {
    const USUAL: &[Column] =
        &[AGE, Column::of("ID"), STATE, EVENT, Column::of("ABOUT"), Column::of("RESULT")];
    const WIDE: &[Column] = &[
        Column::of("RECEIVED"),
        Column::of("ID"),
        STATE,
        Column::of("ATTEMPTS"),
        Column::of("SOURCE"),
        EVENT,
        Column::of("ABOUT"),
        Column::of("REPLAY OF"),
        Column::of("RESULT"),
    ];
    match width {
        Width::Usual => USUAL,
        Width::Wide => WIDE,
    }
}

/// A delivery as a row.
pub(super) fn delivery(item: &Delivery, width: Width) -> Vec<Cell> {
    let id = Cell::plain(&item.id);
    let object = || item.object.as_ref().map(ToString::to_string);
    let other = || {
        (rule_event_name(&item.event).to_owned(), item.repository.clone().or_else(object).unwrap_or_default())
    };
    let (event, about) = changes::event_and_image(item).unwrap_or_else(other);
    let about = Cell::or_dash(Some(about));
    match width {
        Width::Usual => vec![
            Cell::plain(age(item.received_at)),
            id,
            state(item.state),
            Cell::plain(event),
            about,
            result(item),
        ],
        Width::Wide => vec![
            Cell::plain(rfc3339(item.received_at)),
            id,
            state(item.state),
            Cell::plain(item.attempts.to_string()),
            Cell::plain(&item.source),
            // The full name of an image's event, as `--event` takes it.
            Cell::plain(rule_event_name(&item.event)),
            about,
            Cell::plain(item.replay_of.as_deref().unwrap_or("-")),
            result(item),
        ],
    }
}

/// The columns of [`rejection`].
pub(super) const REJECTION_COLUMNS: &[Column] = &[
    AGE,
    Column::of("ID"),
    Column::of("ANSWER"),
    Column::of("TIMES"),
    EVENT,
    Column::of("REPOSITORY"),
    Column::of("REASON"),
];

/// A rejected request as a row.
pub(super) fn rejection(item: &Rejection) -> Vec<Cell> {
    let reason = match &item.reason {
        Some(reason) => Cell::plain(reason),
        None => Cell::faint("partly hidden; see `show`"),
    };
    vec![
        Cell::plain(age(item.at)),
        Cell::plain(&item.id),
        Cell::bad(format!("{} {}", item.status, item.answer)),
        Cell::plain(item.times.to_string()),
        Cell::or_dash(Some(rule_event_name(&item.event))),
        Cell::or_dash(item.repository.as_ref()),
        reason,
    ]
}

/// The state of a delivery, coloured.
pub(super) fn state(state: State) -> Cell {
    let name = state.name();
    match state {
        State::Settled => Cell::good(name),
        State::Failed => Cell::bad(name),
        State::Pending | State::Claimed => Cell::waiting(name),
    }
}

/// Whether the error of a delivery is only that some of its runs are throttled. The journal stores only the
/// sentence; versions before wrote that runs are held back.
pub(super) fn is_throttled(state: State, error: &str) -> bool {
    state == State::Pending && [" runs wait: ", " held back"].iter().any(|words| error.contains(words))
}

/// The result of a delivery, in a line.
fn result(item: &Delivery) -> Cell {
    let summary = &item.summary;
    let mut text = match (item.state, &item.error) {
        (State::Failed, error) => error.clone().unwrap_or_else(|| "the reason is hidden from you".to_owned()),
        (State::Pending, Some(error)) => {
            let how = if is_throttled(item.state, error) { "continues" } else { "retry" };
            let again = item.due.map(|due| format!("; {how} in {}", age(due)));
            format!("{error}{}", again.unwrap_or_default())
        }
        (State::Pending, None) => "queued".to_owned(),
        (State::Claimed, _) => "in progress".to_owned(),
        (State::Settled, _) if summary.started > 0 => {
            let counts = [
                (summary.started, "started"),
                (summary.also_matched, "also matched"),
                (summary.skipped, "skipped"),
            ];
            let counts = counts.iter().filter(|(count, _)| *count > 0);
            let counts: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
            counts.join(", ")
        }
        (State::Settled, _) => match &summary.nearest {
            Some(nearest) => nearest.clone(),
            None if item.event == "ping" => "ping: nothing to do".to_owned(),
            None if item.hidden => "nothing started".to_owned(),
            None => "no rule applies".to_owned(),
        },
    };
    if item.hidden {
        text.push_str(" (visible to you)");
    }
    match item.state {
        State::Settled if summary.started > 0 => Cell::plain(text),
        State::Failed => Cell::bad(text),
        _ => Cell::faint(text),
    }
}

#[cfg(test)]
mod tests {
    use trigger_server::wire::{ObjectName, Summary};

    use super::*;

    fn item(state: State, error: Option<&str>, summary: Summary) -> Delivery {
        Delivery {
            id: "a".to_owned(),
            source: "github".to_owned(),
            event: "push".to_owned(),
            repository: None,
            object: None,
            received_at: jiff::Timestamp::now(),
            state,
            attempts: 1,
            settled_at: None,
            due: None,
            error: error.map(ToOwned::to_owned),
            summary,
            replay_of: None,
            hidden: false,
        }
    }

    #[test]
    fn the_result_is_one_line() {
        let nothing = Summary::default;
        let some = Summary { started: 2, skipped: 1, ..nothing() };
        let wrong = Summary { skipped: 3, nearest: Some("the branch is dev".to_owned()), ..nothing() };
        for (state, error, summary, expected) in [
            (State::Settled, None, some.clone(), "2 started, 1 skipped"),
            (State::Settled, None, wrong, "the branch is dev"),
            (State::Settled, None, nothing(), "no rule applies"),
            (State::Failed, Some("quota"), some, "quota"),
            (State::Pending, Some("away"), nothing(), "away"),
            (State::Pending, None, nothing(), "queued"),
        ] {
            assert_eq!(result(&item(state, error, summary)).text(), expected);
        }
        let due = Some(jiff::Timestamp::now() + std::time::Duration::from_secs(90));
        for (error, expected) in [
            ("2 of 5 runs wait: images", "2 of 5 runs wait: images; continues in "),
            ("2 of 5 runs are held back for now", "2 of 5 runs are held back for now; continues in "),
            ("the API server is away", "the API server is away; retry in "),
        ] {
            let waiting = Delivery { due, ..item(State::Pending, Some(error), nothing()) };
            assert!(result(&waiting).text().starts_with(expected), "{}", result(&waiting).text());
        }
    }

    #[test]
    fn a_row_says_which_image_has_changed() {
        let object = |name: &str| Some(ObjectName { namespace: "team-a".into(), name: name.into() });
        let image = "docker.io/library/node:20";
        for (source, event, object, expected) in [
            (
                "images",
                "Image docker.io/library/node:20",
                object(image),
                ["Image", "docker.io/library/node:20 (team-a)"],
            ),
            (
                "images",
                "Image docker.io/library/node:20 and 1 more",
                object(image),
                ["Image and 1 more", "docker.io/library/node:20 (team-a)"],
            ),
            ("tekton", "PipelineRun Succeeded", object("ci-1"), ["PipelineRun Succeeded", "team-a/ci-1"]),
            ("github", "push", None, ["Push", "-"]),
        ] {
            let (source, event) = (source.to_owned(), event.to_owned());
            let item = Delivery { source, event, object, ..item(State::Settled, None, Summary::default()) };
            let row = delivery(&item, Width::Usual);
            assert_eq!([row[3].text(), row[4].text()], expected);
            let wide = delivery(&item, Width::Wide);
            assert_eq!([wide[5].text(), wide[6].text()], [rule_event_name(&item.event), expected[1]]);
        }
    }
}
