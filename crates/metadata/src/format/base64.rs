//! Standard base64 as Java's decoder takes it: padding may be missing, nothing else may be.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes that `text` stands for.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let stripped = text.trim_end_matches('=');
    let padding = text.len() - stripped.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(stripped.len() * 3 / 4);
    for group in stripped.as_bytes().chunks(4) {
        let mut bits: u32 = 0;
        for char in group {
            let digit = ALPHABET.iter().position(|letter| letter == char)?;
            bits = bits << 6 | u32::try_from(digit).ok()?;
        }
        // two characters hold a byte, three hold two, four hold three
        let count = match group.len() {
            2 => 1,
            3 => 2,
            4 => 3,
            _ => return None,
        };
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..=count]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_rfc_4648() {
        for (text, bytes) in [
            ("", "".as_bytes()),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zm9vY", "Zg=", "Z===", "Zm-v", "Zm 9v"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
