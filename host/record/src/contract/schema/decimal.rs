//! Decimals: exact numbers with at most four fraction digits, kept as their canonical text.
//!
//! The range is that of Cedar's `decimal`: 64-bit counts of ten-thousandths.

use serde_json::{Value, json};

use super::{Kind, Schema};

/// The number one as a count of ten-thousandths.
pub(crate) const ONE: i64 = 10_000;

/// Reads a decimal from a text or from the digits of a JSON number, which may have an exponent. Returns the decimal as
/// a count of ten-thousandths; `None` if the text is not a number, has more than four fraction digits or is out of
/// range.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || fraction.is_some_and(|text| !are_digits(text)) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    let all = format!("{whole}{fraction}");
    let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let count = scaled(&all, 4_i32.checked_sub(places)?)?;
    i64::try_from(if negative { -count } else { count }).ok()
}

/// The digits times a power of ten, if the product is a whole number of at most 30 digits.
fn scaled(digits: &str, power: i32) -> Option<i128> {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let text = match usize::try_from(power) {
        Ok(zeros) if zeros <= 30 => format!("{digits}{}", "0".repeat(zeros)),
        Ok(_) => return None,
        Err(_) => {
            let dropped = usize::try_from(power.unsigned_abs()).ok()?;
            let kept = digits.len().checked_sub(dropped)?;
            let (kept, dropped) = digits.split_at_checked(kept)?;
            dropped.bytes().all(|b| b == b'0').then(|| kept.to_owned())?
        }
    };
    if text.len() > 30 { None } else { text.parse().ok() }
}

/// The canonical text of a count of ten-thousandths: no leading zeros, no trailing zeros of a fraction, and no point
/// without a fraction.
pub(crate) fn text(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let (count, one) = (count.unsigned_abs(), ONE.unsigned_abs());
    let (whole, fraction) = (count / one, count % one);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:04}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

/// The least and the greatest decimal that the bounds of the schema and the range of decimals permit, as canonical
/// texts.
pub(super) fn range(schema: &Schema) -> (String, String) {
    let bound = |whole: Option<i64>, end: i64| whole.map_or(end, |it| it.saturating_mul(ONE));
    (text(bound(schema.minimum, i64::MIN)), text(bound(schema.maximum, i64::MAX)))
}

/// The canonical text of a decimal that is written as text or as a whole number.
pub(super) fn canonical(value: &Value) -> Option<String> {
    match value {
        Value::String(written) => parse(written).map(text),
        Value::Number(number) => parse(&number.to_string()).map(text),
        _ => None,
    }
}

/// Whether a value is the canonical text of a decimal.
pub(super) fn is_canonical(value: &Value) -> bool {
    value.as_str().is_some_and(|written| parse(written).map(text).as_deref() == Some(written))
}

/// The value with every decimal in its canonical form. A value that is not a decimal stays unchanged, and
/// [`Schema::violations`] reports it.
pub(crate) fn normal(schema: &Schema, value: &Value) -> Value {
    match (schema.kind(), value) {
        (Some(Kind::Decimal), one) => canonical(one).map_or_else(|| one.clone(), Value::String),
        _ => each(schema, value, normal),
    }
}

/// Converts a value for policies: every decimal becomes a Cedar extension value, which always has a fraction.
pub(crate) fn for_policy(schema: &Schema, value: &Value) -> Value {
    match (schema.kind(), value) {
        (Some(Kind::Decimal), Value::String(text)) => {
            let arg = if text.contains('.') { text.clone() } else { format!("{text}.0") };
            json!({ "__extn": { "fn": "decimal", "arg": arg } })
        }
        _ => each(schema, value, for_policy),
    }
}

/// The value with `change` applied to its members or elements.
fn each(schema: &Schema, value: &Value, change: fn(&Schema, &Value) -> Value) -> Value {
    match (value, schema.items.as_deref()) {
        (Value::Array(items), Some(inner)) => items.iter().map(|one| change(inner, one)).collect(),
        (Value::Object(members), _) => {
            let changed = members.iter().map(|(name, member)| {
                let inner = schema.properties.get(name);
                (name.clone(), inner.map_or_else(|| member.clone(), |one| change(one, member)))
            });
            Value::Object(changed.collect())
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_has_one_text() {
        for (written, canonical) in [
            ("10", "10"),
            ("10.0", "10"),
            ("10.50", "10.5"),
            ("1e1", "10"),
            ("1.05E1", "10.5"),
            ("105e-1", "10.5"),
            ("0.0001", "0.0001"),
            ("1000e-7", "0.0001"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("007.10", "7.1"),
            ("-0.5", "-0.5"),
            ("0e999999", "0"),
            ("922337203685477.5807", "922337203685477.5807"),
            ("-922337203685477.5808", "-922337203685477.5808"),
        ] {
            assert_eq!(parse(written).map(text).as_deref(), Some(canonical), "{written}");
        }
    }

    #[test]
    fn what_is_not_exact_or_not_a_number_is_refused() {
        for written in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e1.5",
            "--1",
            "1_000",
            "1,5",
            " 1",
            "1 ",
            "NaN",
            "Infinity",
            "0x10",
            "0.00001",
            "1e-5",
            "922337203685477.5808",
            "-922337203685477.5809",
            "1e999999999",
            "1e-999999999",
            "1e99999999999",
            "９",
        ] {
            assert_eq!(parse(written), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn every_count_comes_back(count: i64) {
            prop_assert_eq!(parse(&text(count)), Some(count));
        }

        #[test]
        fn no_text_panics(written in "[-+0-9.eE]{0,40}") {
            parse(&written);
        }
    }
}
