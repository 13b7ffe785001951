//! Shares: how far one number lies between two others, and what two shares are to each other when rounding is forgiven.
//! Knows nothing of what is shared.

/// How far two shares may differ and still count as equal: f64 gives 0.7499999999999999 for 0.3 / 0.4.
pub const EPSILON: f64 = 1e-9;

/// Whether `x` is at least `limit`, rounding errors forgiven.
#[must_use]
pub fn at_least(x: f64, limit: f64) -> bool {
    x + EPSILON >= limit
}

/// A share held within 0..1.
#[must_use]
pub fn clamped(raw: f64) -> f64 {
    raw.clamp(0.0, 1.0)
}

/// How far `at` lies between two different numbers: 0 at `from`, 1 at `to`.
pub(super) fn share(from: f64, to: f64, at: f64) -> f64 {
    let (made, whole) = (at - from, to - from);
    if made.is_finite() && whole.is_finite() {
        return made / whole;
    }
    // Numbers so far apart that a difference overflows; that of their halves does not.
    (at / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0)
}
