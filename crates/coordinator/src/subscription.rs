//! Which topics a consumer's subscription names: all that a broker reads of the members' own format.
//!
//! ```text
//! int16 version | int32 count | count x (int16 length, UTF-8 name) | whatever else the version has
//! ```
//! Every version of Kafka's `ConsumerProtocolSubscription` starts like this.

use crate::Text;

/// The topics in `metadata`; none where it is not a subscription.
pub(crate) fn topics(metadata: &[u8]) -> Option<Vec<Text>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    // a name takes two bytes or more: a count beyond that is a lie that must not cost memory
    let mut topics = Vec::with_capacity(count.min(rest.len() / 2));
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, behind) = behind.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?.into());
        rest = behind;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_lies_are_refused() {
        let two = b"\0\x03\0\0\0\x02\0\x01a\0\x02bcany tail";
        let cases: [(&[u8], Option<&[&str]>); 8] = [
            (two, Some(&["a", "bc"])),
            (b"\0\0\0\0\0\0\xff\xff\xff\xff", Some(&[])),
            (b"", None),
            (b"\0\0\0\0", None),
            (b"\0\0\xff\xff\xff\xff", None),
            (b"\0\0\x7f\xff\xff\xff\0\x01a", None),
            (b"\0\0\0\0\0\x01\0\x02a", None),
            (b"\0\0\0\0\0\x01\0\x01\xff", None),
        ];
        for (bytes, expected) in cases {
            let expected = expected.map(|names| names.iter().map(|n| (*n).into()).collect());
            assert_eq!(topics(bytes), expected, "{bytes:?}");
        }
    }
}
