//! Amounts of money.

/// Formats an amount to a millionth, without trailing zeros: `0.25 USD`.
pub(crate) fn amount(amount: f64, currency: &str) -> String {
    let text = format!("{amount:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {currency}")
}
