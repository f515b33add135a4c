//! Sizes, durations and amounts as people write them.

use layr_types::{ByteCount, Stroops};
use std::str::FromStr as _;

/// `500GiB`, `1.5 TiB`, `4096`, `10MB`.
///
/// # Errors
/// A sentence saying what was expected.
pub fn parse_size(text: &str) -> Result<ByteCount, String> {
    const UNITS: [(&str, u64); 11] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("pib", 1 << 50),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("pb", 1_000_000_000_000_000),
        ("b", 1),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| lower.strip_suffix(name).map(|number| (number, *unit)))
        .unwrap_or((&lower, 1));
    scaled(number.trim(), u128::from(unit))
        .and_then(|bytes| u64::try_from(bytes).ok())
        .map(ByteCount)
        .ok_or_else(|| format!("'{text}' is not a size; write for example 500GiB, 1.5TiB or 10MB"))
}

/// `30d`, `12h`, `45m`, `10s`, `2w`; seconds.
///
/// # Errors
/// A sentence saying what was expected.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u128); 5] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];
    let lower = text.trim().to_ascii_lowercase();
    UNITS
        .iter()
        .find_map(|(name, unit)| lower.strip_suffix(name).map(|number| (number, *unit)))
        .and_then(|(number, unit)| scaled(number.trim(), unit))
        .and_then(|seconds| u64::try_from(seconds).ok())
        .ok_or_else(|| format!("'{text}' is not a duration; write for example 30d, 12h or 45m"))
}

/// `1.5` (lumens), `1.5xlm`, `15000000stroops`.
///
/// # Errors
/// A sentence saying what was expected.
pub fn parse_amount(text: &str) -> Result<Stroops, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = match (lower.strip_suffix("stroops"), lower.strip_suffix("xlm")) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, Stroops::PER_XLM.unsigned_abs()),
        _ => (lower.as_str(), Stroops::PER_XLM.unsigned_abs()),
    };
    scaled(number.trim(), unit)
        .and_then(|stroops| i128::try_from(stroops).ok())
        .map(Stroops)
        .ok_or_else(|| format!("'{text}' is not an amount; write for example 1.5xlm or 200000stroops"))
}

/// A decimal number times a unit, exactly: `None` where it is not a number or not a whole multiple.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 18 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { u128::from_str(whole).ok()? };
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = if fraction.is_empty() { 0 } else { u128::from_str(fraction).ok()?.checked_mul(unit)? };
    whole.checked_mul(unit)?.checked_add(part / scale).filter(|_| unit > 1 || part % scale == 0)
}

/// `3 d 4 h`, `12 m 5 s`: the two largest parts.
pub fn show_duration(seconds: u64) -> String {
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [
            ("500GiB", 500 << 30),
            ("1.5 TiB", 3 << 39),
            ("4096", 4_096),
            ("10MB", 10_000_000),
            ("0", 0),
            ("7b", 7),
        ] {
            assert_eq!(parse_size(text), Ok(ByteCount(bytes)), "{text}");
        }
        for text in ["", "GiB", "-1", "1e9", "5 bananas", "99999999999PiB", "1.2.3"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("30d"), Ok(30 * 86_400));
        assert_eq!(parse_duration("1.5h"), Ok(5_400));
        assert!(parse_duration("30").is_err());
        assert_eq!(show_duration(30 * 86_400), "30 d");
        assert_eq!(show_duration(90_061), "1 d 1 h");
        assert_eq!(show_duration(0), "0 s");
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(parse_amount("1.5"), Ok(Stroops(15_000_000)));
        assert_eq!(parse_amount("0.0000001xlm"), Ok(Stroops(1)));
        assert_eq!(parse_amount("12stroops"), Ok(Stroops(12)));
        assert!(parse_amount("1.5stroops").is_err());
        assert!(parse_amount("lots").is_err());
    }
}
