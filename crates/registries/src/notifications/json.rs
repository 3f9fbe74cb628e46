use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{MOST_HINTS, NotificationError};

/// Reads JSON.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, NotificationError> {
    Ok(serde_json::from_slice(body)?)
}

/// A list that is not longer than [`MOST_HINTS`]. Nothing beyond that is read into memory, so that a small
/// body cannot become large structures.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) Vec<T>);

/// Names in a list, or the keys of an object. Not more than [`MOST_HINTS`] either.
#[derive(Debug)]
pub(super) struct Names(pub(super) Vec<String>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

fn room<E: Error>(taken: usize) -> Result<(), E> {
    if taken < MOST_HINTS { Ok(()) } else { Err(E::custom("the list is too long")) }
}

fn list<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(mut items: A) -> Result<Vec<T>, A::Error> {
    let mut list = Vec::new();
    while let Some(item) = items.next_element()? {
        room(list.len())?;
        list.push(item);
    }
    Ok(list)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                list(items).map(Few)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Few::default())
            }
        }

        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                list(items).map(Names)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = entries.next_entry::<String, IgnoredAny>()? {
                    room(names.len())?;
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
