//! Numbers as people read them, in English: in messages about the configuration and for `words` to go by. Knows no unit.

/// A number as people write it: whole ones in full, others with five digits that count, thousands set apart.
#[must_use]
pub fn show(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-6..1e15).contains(&size) {
        let text = format!("{x:.4e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return format!("{digits}e{exponent}");
    }
    let text = if size.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative and below 1e15; many times as fast as a float's digits"
        )]
        let whole = size as u64;
        whole.to_string()
    } else {
        let decimals = (0..12).find(|d| size * 10_f64.powi(*d) >= 10_000.0);
        let decimals = decimals.map_or(12, i32::unsigned_abs) as usize;
        format!("{size:.decimals$}")
    };
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let mut out = String::from(if x < 0.0 { "-" } else { "" });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !part.is_empty() {
        out.push('.');
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, expected) in [
            (0.0, "0"),
            (1_000.0, "1,000"),
            (48_000.0, "48,000"),
            (1_234_567.89, "1,234,568"),
            (-45_600.4, "-45,600"),
            (41.7, "41.7"),
            (99.95, "99.95"),
            (4.125, "4.125"),
            (0.696_703_296, "0.6967"),
            (-0.5, "-0.5"),
            (100.0, "100"),
            (1e21, "1e21"),
            (-1.234_567_8e21, "-1.2346e21"),
            (0.000_001, "0.000001"),
        ] {
            assert_eq!(show(value), expected);
        }
    }
}
