//! Real numbers as Java writes them.

/// As `Double.toString`: `1024.0`, `1.0E7`, `1.5E-4`.
pub fn java_double(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_as_in_java() {
        let doubles = [1024.0, 0.5, 1e7, 1.5e-4, 12_345_678.9];
        let texts = ["1024.0", "0.5", "1.0E7", "1.5E-4", "1.23456789E7"];
        assert_eq!(doubles.map(java_double), texts);
    }
}
