//! Moments as endpoints write them: `2026-11-20T15:04:05Z`, and nothing looser.

use layr_types::UnixSeconds;

/// Reads a moment in UTC, whole seconds.
pub(crate) fn rfc3339(text: &str) -> Option<UnixSeconds> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !sound {
        return None;
    }
    Some(UnixSeconds(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = || parts.next().filter(|part| part.len() <= 4)?.parse().ok();
    let read = [next()?, next()?, next()?];
    parts.next().is_none().then_some(read)
}

/// Days from 1970-01-01, by counting years that begin in March (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_to_the_second() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(rfc3339(text), Some(UnixSeconds(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_looser_is_refused() {
        for text in [
            "",
            "Z",
            "2027-01-15",
            "2027-01-15T08:00:00",
            "2027-13-15T08:00:00Z",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:00:00:00Z",
            "99999-01-15T08:00:00Z",
            "2027-01-15T08:00:0xZ",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
