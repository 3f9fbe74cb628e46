//! The parts of timestamps and durations.
//!
//! A time zone is `UTC` or an offset such as `+02:00`. Names such as `Europe/Berlin` are refused: their data would have
//! to be read from files, which differ between hosts.

use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Zoned};

use super::super::context::{Context, Fault, Outcome};
use super::super::value::Value;
use super::{Row, member};

const OF_TIME: &[&str] = &["(timestamp) -> int", "(timestamp, string) -> int"];
const OF_BOTH: &[&str] = &["(timestamp) -> int", "(timestamp, string) -> int", "(duration) -> int"];

pub(super) const TABLE: &[Row] = &[
    member("getFullYear", year, OF_TIME),
    member("getMonth", month, OF_TIME),
    member("getDate", date, OF_TIME),
    member("getDayOfMonth", day_of_month, OF_TIME),
    member("getDayOfWeek", day_of_week, OF_TIME),
    member("getDayOfYear", day_of_year, OF_TIME),
    member("getHours", hours, OF_BOTH),
    member("getMinutes", minutes, OF_BOTH),
    member("getSeconds", seconds, OF_BOTH),
    member("getMilliseconds", milliseconds, OF_BOTH),
];

fn year<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| time.year().into(), None)
}

/// January is 0.
fn month<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| i64::from(time.month()) - 1, None)
}

/// The first is 1.
fn date<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| time.day().into(), None)
}

/// The first is 0.
fn day_of_month<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| i64::from(time.day()) - 1, None)
}

/// Sunday is 0.
fn day_of_week<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| time.weekday().since(Weekday::Sunday).into(), None)
}

/// The first of January is 0.
fn day_of_year<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| i64::from(time.day_of_year()) - 1, None)
}

fn hours<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| time.hour().into(), Some(|duration| duration.as_hours()))
}

fn minutes<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| time.minute().into(), Some(|duration| duration.as_mins()))
}

fn seconds<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    part(arguments, |time| time.second().into(), Some(|duration| duration.as_secs()))
}

fn milliseconds<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let total = |duration: SignedDuration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    part(arguments, |time| time.millisecond().into(), Some(total))
}

/// A part of a time in its zone, or the whole of a duration in a unit.
fn part<'a>(
    arguments: &[Value<'a>],
    of_time: fn(Zoned) -> i64,
    of_duration: Option<fn(SignedDuration) -> i64>,
) -> Outcome<'a> {
    Ok(Value::Int(match (arguments, of_duration) {
        ([Value::Timestamp(time)], _) => of_time(time.to_zoned(TimeZone::UTC)),
        ([Value::Timestamp(time), Value::String(name)], _) => of_time(time.to_zoned(zone(name)?)),
        ([Value::Duration(duration)], Some(of_duration)) => of_duration(*duration),
        _ => return Err(Fault::NoSuchOverload),
    }))
}

/// The zone of an offset such as `-07:30` or `02:00`, or `UTC`.
fn zone(name: &str) -> Result<TimeZone, Fault> {
    if matches!(name, "" | "UTC" | "Z") {
        return Ok(TimeZone::UTC);
    }
    let offset = || {
        let (negative, digits) = match name.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, name.strip_prefix('+').unwrap_or(name)),
        };
        let (hours, minutes) = digits.split_once(':')?;
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        if !(0..=23).contains(&hours) || !(0..=59).contains(&minutes) {
            return None;
        }
        let seconds = (hours * 60 + minutes) * 60;
        Offset::from_seconds(if negative { -seconds } else { seconds }).ok()
    };
    let unknown = || Fault::message("unknown time zone; give UTC or an offset such as '+02:00'");
    offset().map(TimeZone::fixed).ok_or_else(unknown)
}
