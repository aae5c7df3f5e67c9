//! What the builder writes, the reader reads and the validator accepts, in every compression.

use record::{
    BatchBuilder, Codec, Compression, Header, Producer, Rules, Scratch, ValidBatch, batches,
    validate,
};
use types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

fn builder(records: i64) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for index in 0..records {
        let value = format!("value {index} ").repeat(9);
        let headers =
            [Header { key: b"trace", value: Some(b"abc") }, Header { key: b"empty", value: None }];
        let key = (index % 3 != 0).then_some(b"key".as_slice());
        let value = (index % 5 != 0).then_some(value.as_bytes());
        builder.append(TimestampMs(NOW.0 + index), key, value, &headers).expect("small");
    }
    builder
}

#[test]
fn what_is_built_is_read_in_every_compression() {
    let mut scratch = Scratch::new();
    for compression in Compression::ALL {
        let producer = Producer {
            id: ProducerId(7),
            epoch: ProducerEpoch(1),
            base_sequence: Sequence(40),
            transactional: true,
        };
        let bytes = builder(1000).finish(compression.into(), producer, &mut scratch);
        let mut framed = batches(&bytes);
        let batch = framed.next().unwrap().unwrap();
        assert!(framed.next().is_none() && framed.tail().is_empty());
        assert!(batch.is_crc_valid());
        assert_eq!(batch.header().attributes.compression(), compression);
        assert_eq!(batch.header().last_sequence(), Sequence(1039));
        let mut count = 0;
        for (index, record) in (0..).zip(batch.records(&mut scratch).unwrap()) {
            let record = record.unwrap();
            assert_eq!(record.offset, Offset(index));
            assert_eq!(record.timestamp, TimestampMs(NOW.0 + index));
            assert_eq!(record.key.is_none(), index % 3 == 0);
            assert_eq!(record.value.is_none(), index % 5 == 0);
            assert_eq!(record.headers.find("trace").unwrap().value, Some(b"abc".as_slice()));
            assert_eq!(record.headers.find("empty").unwrap().value, None);
            assert_eq!(record.headers.iter().count(), 2);
            count += 1;
        }
        assert_eq!(count, 1000, "{compression}");
    }
}

#[test]
fn a_valid_batch_is_stored_as_it_came_but_for_the_leaders_fields() {
    let mut scratch = Scratch::new();
    for compression in Compression::ALL {
        let bytes = builder(50).finish(compression.into(), Producer::NONE, &mut scratch);
        let valid = validate(&bytes, &Rules::default(), NOW, &mut scratch).unwrap();
        assert_eq!(valid.max_timestamp_offset_delta(), 49);
        let header = valid.header_bytes(Offset(1234), LeaderEpoch(5));
        let stored = [&header[..], valid.body()].concat();
        let batch = batches(&stored).next().unwrap().unwrap();
        assert!(batch.is_crc_valid());
        assert_eq!(batch.header().base_offset, Offset(1234));
        assert_eq!(batch.header().last_offset(), Offset(1283));
        assert_eq!(batch.header().leader_epoch, LeaderEpoch(5));
        assert_eq!(stored[17..], bytes[17..]);
        ValidBatch::trusted(&stored).unwrap();
    }
}

#[test]
fn a_cut_off_batch_is_a_tail() {
    let bytes = builder(5).finish(Codec::NONE, Producer::NONE, &mut Scratch::new());
    let two = [bytes.clone(), bytes.clone()].concat();
    for cut in bytes.len()..two.len() {
        let mut framed = batches(&two[..cut]);
        assert!(framed.next().unwrap().is_ok());
        assert!(framed.next().is_none());
        assert_eq!(framed.tail(), &two[bytes.len()..cut]);
    }
}

#[test]
fn sizes_are_known_before_a_record_is_in() {
    let mut builder = builder(0);
    for index in 0..300 {
        let before = builder.bytes_max();
        let value = vec![7; usize::try_from(index).unwrap()];
        let grows = builder.record_bytes(NOW, None, Some(&value), &[]);
        builder.append(NOW, None, Some(&value), &[]).unwrap();
        assert_eq!(builder.bytes_max(), before + grows);
    }
    let bytes_max = builder.bytes_max();
    let bytes = builder.finish(Codec::NONE, Producer::NONE, &mut Scratch::new());
    assert_eq!(bytes.len(), bytes_max);
    assert!(builder.is_empty());
}
