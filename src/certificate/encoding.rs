//! The two strict readings everything here rests on: base64 without freedom, and JSON that says everything
//! once.
//!
//! JSON readers differ on repeated keys, on large integers and on fractions; a signed record on which two
//! readers may differ proves nothing, so such JSON is rejected rather than interpreted.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// First integer that a reader with IEEE 754 doubles (JavaScript) cannot tell from its neighbour: 2^53.
pub const INTEGER_LIMIT: u64 = 1 << 53;

/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes of padded base64 in the standard or the URL-safe alphabet, as DSSE asks readers to accept both.
/// `None` for a mixture of both, missing or superfluous padding, unused bits that are not zero, white space.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    if text.contains(['-', '_']) { URL_SAFE.decode(text).ok() } else { STANDARD.decode(text).ok() }
}

/// What is wrong with a JSON text, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault(pub String);

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JsonFault {}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads one JSON value that every reader understands alike.
///
/// # Errors
/// Text that is not JSON or not UTF-8, bytes after the value, a key given twice in one object, a fraction or
/// exponent, an integer from 2^53 on, or nesting deeper than 128.
pub fn parse_json(bytes: &[u8]) -> Result<Value, JsonFault> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Unambiguous(value) = Unambiguous::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The first number in `value` that [`parse_json`] would reject, as a JSON pointer.
pub fn ambiguous_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            let exact = number.as_u64().is_some_and(|number| number < INTEGER_LIMIT)
                || number.as_i64().is_some_and(|number| number.unsigned_abs() < INTEGER_LIMIT);
            (!exact).then(String::new)
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| ambiguous_number(item).map(|rest| format!("/{index}{rest}"))),
        Value::Object(fields) => {
            fields.iter().find_map(|(key, item)| ambiguous_number(item).map(|rest| format!("/{key}{rest}")))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// Where a value read from outside differs from what our types make of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Fields that our types do not know, as JSON pointers.
    pub unknown: Vec<String>,
    /// Values that are written in another form than ours (such as ranges that overlap), as JSON pointers.
    pub reformed: Vec<String>,
}

/// Compares a value `read` from outside with the value that its parsed form serializes to.
pub fn difference<T: Serialize>(read: &Value, parsed: &T) -> Difference {
    let mut difference = Difference::default();
    match serde_json::to_value(parsed) {
        Ok(ours) => compare(read, &ours, "", &mut difference),
        Err(_) => difference.reformed.push(String::new()),
    }
    difference
}

fn compare(read: &Value, ours: &Value, path: &str, difference: &mut Difference) {
    match (read, ours) {
        (Value::Object(read), Value::Object(ours)) => {
            for (key, value) in read {
                match ours.get(key) {
                    Some(own) => compare(value, own, &format!("{path}/{key}"), difference),
                    None => difference.unknown.push(format!("{path}/{key}")),
                }
            }
            // A field that is missing took its default, which says "not recorded": no difference.
        }
        (Value::Array(read), Value::Array(ours)) if read.len() == ours.len() => {
            for (index, (value, own)) in read.iter().zip(ours).enumerate() {
                compare(value, own, &format!("{path}/{index}"), difference);
            }
        }
        _ if read == ours => {}
        _ => difference.reformed.push(path.to_owned()),
    }
}

struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Self)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions, large integers and repeated keys")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value < INTEGER_LIMIT { Ok(value.into()) } else { Err(E::custom("an integer from 2^53 on")) }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() < INTEGER_LIMIT {
            Ok(value.into())
        } else {
            Err(E::custom("an integer from 2^53 on"))
        }
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a fraction, an exponent or a number too large"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} is given twice")));
            }
            let Unambiguous(value) = entries.next_value()?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_readers_understand_differently_is_rejected() {
        for (text, why) in [
            (r#"{"a":1,"a":2}"#, "given twice"),
            (r#"{"x":{"a":1,"\u0061":2}}"#, "given twice"),
            (r#"{"a":1.5}"#, "fraction"),
            (r#"{"a":1e3}"#, "fraction"),
            (r#"{"a":9007199254740992}"#, "2^53"),
            (r#"{"a":-9007199254740992}"#, "2^53"),
            (r#"{"a":1}{"#, "trailing"),
            (r#"{"a":1} x"#, "trailing"),
            (r#"{"a":1,}"#, "trailing comma"),
            ("", "EOF"),
            ("{\"a\":\"\u{1}\"}", "control character"),
        ] {
            let fault = parse_json(text.as_bytes()).unwrap_err();
            assert!(fault.0.contains(why), "{text}: {fault}");
        }
        assert!(parse_json(b"{\"a\":\"\xff\"}").is_err());
        assert!(parse_json("[".repeat(100_000).as_bytes()).is_err());
        assert_eq!(parse_json(br#" {"a":[9007199254740991,-1,null,true]} "#).unwrap()["a"][1], -1);
    }

    #[test]
    fn base64_has_one_form_for_each_alphabet() {
        // RFC 4648, section 10.
        assert_eq!(from_base64("Zm9vYg==").as_deref(), Some(b"foob".as_slice()));
        assert_eq!(to_base64(b"foob"), "Zm9vYg==");
        assert_eq!(from_base64("+/8="), Some(vec![0xFB, 0xFF]));
        assert_eq!(from_base64("-_8="), Some(vec![0xFB, 0xFF]));
        for bad in ["Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9vYg===", "Zm9v Yg==", "+_8=", "Zm9vYg==\n", "é"] {
            assert_eq!(from_base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn differences_name_their_place() {
        #[derive(Serialize)]
        struct Known {
            a: u8,
            list: Vec<u8>,
        }
        let read = serde_json::json!({"a": 2, "list": [1, 3], "extra": {"b": 1}});
        let found = difference(&read, &Known { a: 2, list: vec![1, 2] });
        assert_eq!(found.unknown, ["/extra"]);
        assert_eq!(found.reformed, ["/list/1"]);
        assert_eq!(ambiguous_number(&serde_json::json!({"x": [0, u64::MAX]})), Some("/x/1".to_owned()));
    }
}
