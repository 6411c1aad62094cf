//! A tensor's elements as JSON: flat or nested lists of numbers, truths or texts.

use std::fmt;

use bytes::Bytes;
use half::f16;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::ser::{Error as _, Serialize, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::detect::Reason;
use crate::gateway::message::room::Held;
use crate::tensor::{Datatype, Elements};

/// Whole numbers up to here are exact as floating-point numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The elements in JSON, as raw contents, which take what `hold` gives them. Those of an unknown datatype have none.
///
/// # Errors
/// When they are not of this type, or there is no room for them.
pub(super) fn read(
    data: &RawValue,
    datatype: &str,
    hold: impl FnOnce(usize) -> Result<Held, Reason>,
) -> Result<Bytes, Reason> {
    let Ok(datatype) = datatype.parse() else { return Ok(Bytes::new()) };
    let held = hold(weight(data.get(), datatype))?;
    let mut raw = Raw { datatype, bytes: Vec::new() };
    let mut text = serde_json::Deserializer::from_str(data.get());
    (&mut raw).deserialize(&mut text).map_err(|error| {
        tracing::debug!(%error, "a tensor's data cannot be read");
        Reason::Malformed
    })?;
    Ok(held.keep(raw.bytes.into()))
}

/// What elements in JSON take at most as raw contents, in bytes.
fn weight(text: &str, datatype: Datatype) -> usize {
    let elements = 1 + text.bytes().filter(|&byte| byte == b',').count();
    match datatype.size() {
        Some(size) => elements * size,
        None => elements * size_of::<u32>() + text.len(),
    }
}

/// Raw contents that grow element by element.
struct Raw {
    datatype: Datatype,
    bytes: Vec<u8>,
}

impl Raw {
    fn push<E: Error>(&mut self, element: &[u8]) -> Result<(), E> {
        self.bytes.extend_from_slice(element);
        Ok(())
    }

    fn whole<E: Error>(&mut self, value: i128) -> Result<(), E> {
        macro_rules! narrowed {
            ($type:ty) => {
                match <$type>::try_from(value) {
                    Ok(value) => self.push(&value.to_le_bytes()),
                    Err(_) => Err(E::custom(format_args!("{value} is no {}", self.datatype))),
                }
            };
        }
        match self.datatype {
            Datatype::Uint8 => narrowed!(u8),
            Datatype::Uint16 => narrowed!(u16),
            Datatype::Uint32 => narrowed!(u32),
            Datatype::Uint64 => narrowed!(u64),
            Datatype::Int8 => narrowed!(i8),
            Datatype::Int16 => narrowed!(i16),
            Datatype::Int32 => narrowed!(i32),
            Datatype::Int64 => narrowed!(i64),
            Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64 => self.float(value as f64),
            Datatype::Bool | Datatype::Bytes => Err(E::invalid_type(Unexpected::Other("a number"), &*self)),
        }
    }

    fn float<E: Error>(&mut self, value: f64) -> Result<(), E> {
        match self.datatype {
            Datatype::Fp16 => self.push(&f16::from_f64(value).to_le_bytes()),
            Datatype::Fp32 => self.push(&(value as f32).to_le_bytes()),
            Datatype::Fp64 => self.push(&value.to_le_bytes()),
            _ if value.fract() == 0.0 && value.abs() <= EXACT => self.whole(value as i128),
            _ => Err(E::invalid_type(Unexpected::Float(value), &*self)),
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} elements", self.datatype)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Raw {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl serde::de::Expected for Raw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl<'de> Visitor<'de> for &mut Raw {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.datatype {
            Datatype::Bool => self.push(&[u8::from(value)]),
            _ => Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.whole(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.whole(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.float(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match (self.datatype, u32::try_from(text.len())) {
            (Datatype::Bytes, Ok(length)) => {
                self.push(&length.to_le_bytes())?;
                self.push(text.as_bytes())
            }
            _ => Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
    }
}

/// Elements to be written as one flat list.
pub(super) struct Data<'a>(pub(super) &'a Elements);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Elements::Bool(values) => values.serialize(serializer),
            Elements::Uint8(values) => values.serialize(serializer),
            Elements::Uint16(values) => values.serialize(serializer),
            Elements::Uint32(values) => values.serialize(serializer),
            Elements::Uint64(values) => values.serialize(serializer),
            Elements::Int8(values) => values.serialize(serializer),
            Elements::Int16(values) => values.serialize(serializer),
            Elements::Int32(values) => values.serialize(serializer),
            Elements::Int64(values) => values.serialize(serializer),
            Elements::Fp16(values) => serializer.collect_seq(values.iter().map(|value| value.to_f32())),
            Elements::Fp32(values) => values.serialize(serializer),
            Elements::Fp64(values) => values.serialize(serializer),
            Elements::Bytes(values) => {
                let mut texts = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    let text = std::str::from_utf8(value);
                    texts.serialize_element(text.map_err(|_| S::Error::custom("bytes that are no text"))?)?;
                }
                texts.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::message::room::Room;

    fn raw(text: &str, datatype: &str) -> Result<Bytes, Reason> {
        let (text, room) = (RawValue::from_string(text.to_owned()).unwrap(), Room::new(1 << 20));
        let mut weight = 0;
        let hold = |bytes| {
            weight = bytes;
            let held = room.nothing();
            if held.take(bytes) { Ok(held) } else { Err(Reason::Overload) }
        };
        let raw = read(&text, datatype, hold);
        assert!(raw.as_ref().is_ok_and(|raw| raw.len() <= weight) || raw.is_err(), "{weight}");
        raw
    }

    #[test]
    fn elements_of_every_type_go_in_and_come_out() {
        for (datatype, text) in [
            ("BOOL", "[true,false]"),
            ("UINT8", "[0,255]"),
            ("UINT16", "[0,65535]"),
            ("UINT32", "[0,4294967295]"),
            ("UINT64", "[0,18446744073709551615]"),
            ("INT8", "[-128,127]"),
            ("INT16", "[-32768,32767]"),
            ("INT32", "[-2147483648,2147483647]"),
            ("INT64", "[-9223372036854775808,9223372036854775807]"),
            ("FP16", "[0.5,-2.0]"),
            ("FP32", "[0.1,-2.0]"),
            ("FP64", "[0.1,-2.0]"),
            ("BYTES", r#"["","a \" b"]"#),
        ] {
            let elements = Elements::from_raw(datatype.parse().unwrap(), &[2], &raw(text, datatype).unwrap()).unwrap();
            assert_eq!(serde_json::to_string(&Data(&elements)).unwrap(), text);
        }
    }

    #[test]
    fn nested_lists_are_read_row_by_row() {
        assert_eq!(raw("[[1,2],[3,[4]]]", "UINT8").unwrap().as_ref(), [1, 2, 3, 4]);
        assert_eq!(raw("[1.0, 2]", "UINT8").unwrap().as_ref(), [1, 2]);
        assert_eq!(raw("7", "UINT8").unwrap().as_ref(), [7]);
    }

    #[test]
    fn what_is_not_of_the_type_is_not_read() {
        for (datatype, text) in [
            ("UINT8", "[256]"),
            ("UINT8", "[-1]"),
            ("UINT8", "[0.5]"),
            ("UINT8", "[1e300]"),
            ("FP32", "[true]"),
            ("FP32", "[\"1\"]"),
            ("FP32", "[null]"),
            ("FP32", "[{}]"),
            ("FP32", "{}"),
            ("FP64", "[1e999]"),
            ("BOOL", "[1]"),
            ("BYTES", "[1]"),
        ] {
            assert_eq!(raw(text, datatype), Err(Reason::Malformed), "{datatype} {text}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(raw(&deep, "FP32"), Err(Reason::Malformed));
        assert_eq!(raw(&format!("[{}0]", "0,".repeat(1 << 18)), "FP32"), Err(Reason::Overload));
        assert_eq!(raw("[1]", "FP13"), Ok(Bytes::new()));
        let elements = Elements::Bytes(vec![Bytes::from_static(b"\xff")]);
        assert!(serde_json::to_string(&Data(&elements)).is_err());
    }
}
