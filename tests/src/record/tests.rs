//! Tests of the oracle itself, over a real socket.

use std::time::Duration;

use serde_json::json;

use super::{Fault, How, Lands, On, Point, Record};
use crate::client::Client;

const PATIENCE: Duration = Duration::from_secs(20);

fn write(record: &Record, method: &str, path: &str, key: Option<&str>) -> Option<u16> {
    let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
    let client = Client::hasty(&record.base_url(), "");
    client.send(method, path, &headers, br#"{"value":"x"}"#.to_vec()).ok().map(|a| a.status)
}

#[test]
fn every_kind_counts_in_its_own_way() {
    let record = Record::start().unwrap();
    for _ in 0..2 {
        assert_eq!(write(&record, "PUT", "/set/a/one", None), Some(201));
        assert_eq!(write(&record, "POST", "/keyed/a/one", Some("k")), Some(201));
        assert_eq!(write(&record, "POST", "/add/a/one", None), Some(201));
        assert_eq!(write(&record, "POST", "/opaque/a/one", None), Some(201));
    }
    assert_eq!(write(&record, "POST", "/keyed/a/two", Some("k")), Some(422), "another request");
    let count = |kind: &str| record.applied("a").iter().filter(|one| one.kind == kind).count();
    assert_eq!((count("set"), count("keyed"), count("add"), count("opaque")), (2, 1, 2, 2));
    let changed: Vec<bool> =
        record.applied("a").iter().filter(|one| one.kind == "set").map(|one| one.changed).collect();
    assert_eq!(changed, [true, false], "the same value again is no effect");
    assert_eq!(record.shown("set", "a"), json!({"id": "a", "one": "x", "two": ""}));
    assert_eq!(record.shown("add", "a")["one"], 2);
    assert_eq!(record.shown("opaque", "a")["one"], 0);
    assert_eq!(write(&record, "POST", "/add/a/three", None), Some(404));
}

#[test]
fn a_fault_that_nobody_met_is_told_from_one_that_was() {
    let record = Record::start().unwrap();
    let proxy = crate::proxy::Proxy::start(&record.base_url()).unwrap();
    let (met, missed) = (On::writes("a"), On::writes("b"));
    for on in [&met, &missed] {
        proxy.fail(on, 0, Fault { lands: Lands::Never, how: How::Close });
    }
    let client = Client::hasty(proxy.base_url(), "");
    client.send("PUT", "/set/a/one", &[], vec![]).unwrap_err();
    assert!(proxy.met(&met));
    assert!(!proxy.met(&missed));
}

#[test]
fn a_fault_lands_or_not_as_ordered() {
    let record = Record::start().unwrap();
    std::thread::scope(|scope| {
        for (number, how) in How::ALL.into_iter().enumerate() {
            for (lands, times) in [(Lands::Never, 0), (Lands::Before, 1)] {
                let (record, item) = (&record, format!("i{number}-{times}"));
                scope.spawn(move || fails(record, &item, Fault { lands, how }, times));
            }
        }
    });
}

/// The second write to the item gets the fault and takes effect `times` times.
fn fails(record: &Record, item: &str, fault: Fault, times: usize) {
    record.fail(&On::writes(item), 1, 1, fault);
    let path = format!("/add/{item}/one");
    assert_eq!(write(record, "POST", &path, None), Some(201), "the first one is skipped");
    let status = match fault.how {
        How::Status(status) => Some(status),
        How::Busy(_) => Some(503),
        How::Limited(_) => Some(429),
        _ => None,
    };
    assert_eq!(write(record, "POST", &path, None), status, "{fault:?}");
    assert_eq!(record.times(item, "one"), 1 + times, "{fault:?}");
}

#[test]
fn an_exchange_waits_where_it_is_told() {
    let record = Record::start().unwrap();
    for (point, cut, applied) in
        [(Point::Received, true, 0), (Point::Received, false, 1), (Point::Answering, true, 1)]
    {
        let item = format!("{point:?}-{cut}");
        let stop = record.stop(&On::writes(&item), 0, point);
        std::thread::scope(|scope| {
            let path = format!("/add/{item}/one");
            let record = &record;
            let call = scope.spawn(move || write(record, "POST", &path, None));
            assert!(stop.reached(PATIENCE));
            assert_eq!(record.times(&item, "one"), usize::from(point != Point::Received));
            if cut {
                stop.cut();
            } else {
                stop.go();
            }
            assert_eq!(call.join().unwrap(), if cut { None } else { Some(201) });
        });
        assert_eq!(record.times(&item, "one"), applied);
    }
    assert!(!record.stop(&On::reads(""), 0, Point::Applied).reached(Duration::from_millis(10)));
}
