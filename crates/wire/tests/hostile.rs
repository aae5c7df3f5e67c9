//! No input makes decoding panic, abort or allocate more than a small multiple of its size.
//!
//! The multiple is proved by the compiler ([`Entry::expansion`]: size in memory over smallest size
//! on the wire, summed over nested arrays) and measured here by a counting allocator.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

#[path = "support/counting.rs"]
mod counting;
#[path = "support/golden_file.rs"]
mod golden_file;

use std::collections::BTreeMap;

use counting::allocated_by;
use golden_file::Golden;
use wire::catalogue::{CATALOGUE, Entry, Kind};
use wire::record_frame::{
    MetadataRecord, OffsetsKey, OffsetsValue, RemoteLogRecord, ShareStateValue,
};
use wire::{ControlValue, Writer, decode_request_header};

/// No message allocates more bytes than this for each byte of input. The peak is a response that
/// only a client decodes: StreamsGroupDescribe, four arrays deep.
const EXPANSION_MAX: usize = 70;
/// The same for what a server decodes.
const REQUEST_EXPANSION_MAX: usize = 59;
const FUZZ_ITERATIONS: usize = 150_000;

#[test]
fn the_multiple_is_small() {
    let most = |kinds: &[Kind]| {
        let of_kind = CATALOGUE.iter().filter(|entry| kinds.contains(&entry.kind));
        of_kind.map(|entry| entry.expansion).max().unwrap()
    };
    assert_eq!(most(&[Kind::Request, Kind::Header]), REQUEST_EXPANSION_MAX);
    assert_eq!(CATALOGUE.iter().map(|entry| entry.expansion).max(), Some(EXPANSION_MAX));
}

#[test]
fn repeated_patterns_are_survived() {
    let patterns: [&[u8]; 12] = [
        &[0x00],
        &[0x01],
        &[0x02],
        &[0x7f],
        &[0x80],
        &[0xff],
        &[0xff, 0xff, 0xff, 0xfe],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0xff, 0xff, 0xff, 0xff, 0x07],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x00, 0x00, 0x00, 0x01],
    ];
    for (entry, version) in pairs() {
        for pattern in patterns {
            for length in [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 1000] {
                let bytes: Vec<u8> = pattern.iter().copied().cycle().take(length).collect();
                survives(entry, version, &bytes);
            }
        }
    }
}

/// At each byte of a real message: the input ends, or a length, count or tag becomes hostile.
#[test]
fn every_byte_of_a_real_message_may_be_hostile() {
    let hostile: [&[u8]; 7] = [
        &[0xff],
        &[0x80],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0xff, 0xff, 0xff, 0xfe],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ];
    let goldens = golden_file::all();
    for entry in CATALOGUE {
        let Golden { version, bytes, .. } = &goldens[entry.name];
        for at in 0..bytes.len() {
            survives(entry, *version, &bytes[..at]);
            for replacement in hostile {
                let end = bytes.len().min(at + replacement.len());
                let mut mutant = bytes.clone();
                mutant[at..end].copy_from_slice(&replacement[..end - at]);
                survives(entry, *version, &mutant);
            }
        }
    }
}

/// An array that claims as much as the bytes can hold, and then holds nothing.
#[test]
fn the_largest_claims_that_pass_stay_under_the_bound() {
    for (entry, version) in pairs() {
        for claim in [200u16, 1000, 4000, 8000] {
            let compact = varint(u32::from(claim));
            let wide = u32::from(claim).to_be_bytes();
            for unit in [&compact[..], &wide[..]] {
                let bytes: Vec<u8> = unit.iter().copied().cycle().take(8_192).collect();
                survives(entry, version, &bytes);
            }
        }
    }
}

#[test]
fn random_bytes_are_survived() {
    let pairs: Vec<_> = pairs().collect();
    bolero::check!().with_iterations(FUZZ_ITERATIONS).with_type::<(u16, Vec<u8>)>().for_each(
        |(pair, bytes)| {
            let (entry, version) = pairs[usize::from(*pair) % pairs.len()];
            survives(entry, version, bytes);
        },
    );
}

#[test]
fn mutants_of_real_messages_are_survived() {
    let goldens: BTreeMap<String, Golden> = golden_file::all();
    bolero::check!()
        .with_iterations(FUZZ_ITERATIONS)
        .with_type::<(u16, i8, Vec<(u16, u8)>)>()
        .for_each(|(place, version, edits)| {
            let entry = &CATALOGUE[usize::from(*place) % CATALOGUE.len()];
            let mut bytes = goldens[entry.name].bytes.clone();
            for (at, byte) in edits.iter().take(8) {
                let length = bytes.len();
                if let Some(edited) = bytes.get_mut(usize::from(*at) % length.max(1)) {
                    *edited = *byte;
                }
            }
            let count = entry.versions.max - entry.versions.min + 1;
            let version = entry.versions.max - i16::from(*version).rem_euclid(count);
            survives(entry, version, &bytes);
        });
}

/// Frames' headers and the envelopes of persisted records, with any type and version.
#[test]
fn envelopes_survive_random_bytes() {
    bolero::check!().with_iterations(FUZZ_ITERATIONS).with_type::<(u8, u8, Vec<u8>)>().for_each(
        |(id, version, body)| {
            let framed = [&[1, id % 32, version % 6], body.as_slice()].concat();
            let typed = [&[0, id % 26], body.as_slice()].concat();
            let versioned = [&[0, version % 6], body.as_slice()].concat();
            let header = [&[0, id % 100, 0, version % 20], body.as_slice()].concat();
            let id = i16::from(id % 26);
            let bound = EXPANSION_MAX * header.len();
            for (what, allocated) in [
                ("metadata", allocated_by(|| MetadataRecord::decode(&framed).map(drop)).1),
                ("remote log", allocated_by(|| RemoteLogRecord::decode(&framed).map(drop)).1),
                ("offsets key", allocated_by(|| OffsetsKey::decode(&typed).map(drop)).1),
                ("offsets", allocated_by(|| OffsetsValue::decode(id, &versioned).map(drop)).1),
                ("share", allocated_by(|| ShareStateValue::decode(id, &versioned).map(drop)).1),
                ("control", allocated_by(|| ControlValue::decode(id, body).map(drop)).1),
                ("header", allocated_by(|| decode_request_header(&header).map(drop)).1),
            ] {
                assert!(allocated <= bound, "{what} allocates {allocated} for {body:02x?}");
            }
        },
    );
}

/// Decodes within the bound; what decodes has one encoding, which decodes again.
fn survives(entry: &Entry, version: i16, bytes: &[u8]) {
    let (decoded, allocated) = allocated_by(|| (entry.decode)(bytes, version));
    let bound = entry.expansion * bytes.len();
    assert!(
        allocated <= bound,
        "{} v{version} allocates {allocated} for {} bytes: {bytes:02x?}",
        entry.name,
        bytes.len()
    );
    if decoded.is_ok() {
        let first = (entry.reencode)(bytes, version).unwrap();
        let second = (entry.reencode)(&first, version).unwrap();
        assert_eq!(first, second, "{} v{version} of {bytes:02x?}", entry.name);
    }
}

fn pairs() -> impl Iterator<Item = (&'static Entry, i16)> {
    CATALOGUE.iter().flat_map(|entry| entry.versions.iter().map(move |version| (entry, version)))
}

fn varint(value: u32) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.uvarint(value);
    writer.into_plan().inline
}
