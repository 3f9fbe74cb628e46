//! Checking objects as Tekton's admission does, with its messages: for objects that it has not seen, such as those in
//! files.
//!
//! - `field_error`: the grammar of its messages. `report`: collecting errors, sorted and merged as it does.
//! - A file per kind, and per part that several kinds have.
//!
//! The checks look at objects as Tekton's defaulting leaves them. Where its validators crash, such as at a `null` in
//! a list of bindings, there is an error in the same grammar.

mod binding;
mod event_listener;
mod field_error;
mod interceptor;
mod interceptor_use;
mod names;
mod pod;
mod report;
mod resources;
mod template;
mod trigger;

use serde_json::Value;

pub use self::field_error::{FieldError, FieldErrors};
use self::report::Report;
use super::decode::{Decode, DecodeError, Decoder, Notes};
use super::{
    ALPHA_VERSION, ClusterInterceptor, ClusterTriggerBinding, EventListener, Interceptor, Kind, Trigger,
    TriggerBinding, TriggerTemplate,
};

/// What a check knows beside the object.
struct Context {
    /// Whether the object is of `v1alpha1`, as it is written.
    is_alpha: bool,
    /// What was odd when the object was read.
    notes: Notes,
}

impl Context {
    /// Whether the entry at this path is `null`.
    fn is_null(&self, path: &str) -> bool {
        self.notes.nulls.contains(path)
    }
}

/// The checks of a kind.
trait Validate {
    /// Reports what is wrong.
    fn validate(&self, context: &Context, report: &mut Report);
}

/// What Tekton's admission would say about an object; `None` if it is of no kind of Tekton Triggers.
///
/// Fields that no type names are errors too, as they are at admission.
pub fn validate(object: Value) -> Option<FieldErrors> {
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    let api_version = text("apiVersion")?;
    let kind = Kind::of(api_version, text("kind")?)?;
    let is_alpha = api_version.ends_with(ALPHA_VERSION);
    let checked = match kind {
        Kind::EventListener => check::<EventListener>(object, is_alpha),
        Kind::Trigger => check::<Trigger>(object, is_alpha),
        Kind::TriggerBinding => check::<TriggerBinding>(object, is_alpha),
        Kind::ClusterTriggerBinding => check::<ClusterTriggerBinding>(object, is_alpha),
        Kind::TriggerTemplate => check::<TriggerTemplate>(object, is_alpha),
        // Their only version is the one that is the older of others.
        Kind::Interceptor => check::<Interceptor>(object, false),
        Kind::ClusterInterceptor => check::<ClusterInterceptor>(object, false),
    };
    Some(checked.unwrap_or_else(|error| FieldErrors::from(FieldError::from(&error))))
}

fn check<T: Decode + Validate>(object: Value, is_alpha: bool) -> Result<FieldErrors, DecodeError> {
    let mut decoder = Decoder::default();
    let checked = T::decode(object, &mut decoder)?;
    let context = Context { is_alpha, notes: decoder.into_notes() };
    let mut report = Report::default();
    for path in &context.notes.unknown {
        report.unknown(path);
    }
    if !is_alpha {
        for (interceptor, fields) in &context.notes.legacy {
            for field in fields {
                report.unknown(&format!("{interceptor}.{}", field.name));
            }
        }
    }
    checked.validate(&context, &mut report);
    Ok(report.into_errors())
}
