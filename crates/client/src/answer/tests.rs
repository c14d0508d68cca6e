use std::io::Write;

use proptest::prelude::*;
use reqwest::header::CONTENT_ENCODING;

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer::new(status, body.to_owned())
}

#[test]
fn prediction_id_is_read_whatever_else_is_there() {
    for (body, expected) in [
        (r#"{"code":200,"data":{"id":"pred_1"}}"#, "pred_1"),
        (
            r#"{"data":{"status":{"odd":[1,{}]},"id":"pred_1","outputs":7}}"#,
            "pred_1",
        ),
        (r#"{"code":"two","data":{"id":"pred_1","sta"#, "pred_1"),
        (r#"{"data":{"id":"pred_1""#, "pred_1"),
        (r#"{"id":"req_1","data":{"id":"pred_1"}}"#, "pred_1"),
        // Numbers, as they are written.
        (r#"{"data":{"id":7}}"#, "7"),
        (
            r#"{"data":{"id":123456789012345678901234567890}}"#,
            "123456789012345678901234567890",
        ),
        (r#"{"data":{"id":1.50,"status":"created"#, "1.50"),
        // The id in the URL.
        (
            r#"{"data":{"urls":{"get":"https://a/api/v3/predictions/pred_1/result"}}}"#,
            "pred_1",
        ),
        (
            r#"{"data":{"id":null,"urls":{"x":1,"get":"/predictions/a%2Fb?c"},"#,
            "a/b",
        ),
        // A list with one record, and a text.
        (r#"{"data":[{"id":"pred_1"}],"cut"#, "pred_1"),
        (r#"{"data":"{\"id\":\"pred_1\"}"}"#, "pred_1"),
        (r#"{"data":"[{\"id\":\"pred_1\"}]"}"#, "pred_1"),
        // A record without an envelope.
        (r#"{"id":"pred_1"}"#, "pred_1"),
        (r#"{"id":"pred_1","status":"created","cut"#, "pred_1"),
        (r#"{"urls":{"get":"/predictions/pred_1/result"}}"#, "pred_1"),
        (r#"{"data":{"urls":7,"id":"pred_1"}}"#, "pred_1"),
        // Ids in another form.
        (r#"{"data":{"id":"../../etc"}}"#, "../../etc"),
        (r#"{"data":{"id":"-rf ~"}}"#, "-rf ~"),
    ] {
        let id = answer(200, body).prediction_id();
        assert_eq!(
            id.as_ref().map(PredictionId::as_str),
            Some(expected),
            "{body}"
        );
    }
}

#[test]
fn no_id_is_read_where_none_is_certain() {
    for body in [
        "",
        "<html>",
        "[]",
        "7",
        r#"{"data":null}"#,
        r#"{"data":null,"id":"req_1","status":"created"}"#,
        r#"{"data":{},"id":"req_1"}"#,
        r#"{"data":{"id":true}}"#,
        r#"{"data":{"id":""}}"#,
        r#"{"data":{"id":"pred_"#,
        r#"{"data":{"id":12"#,
        r#"{"data":{"id":12x"#,
        r#"{"data":[{"id":"pred_1"},{"id":"pred_2"}]}"#,
        r#"{"data":[{"id":"pred_1"}"#,
        r#"{"data":[{"id":"pred_1""#,
        r#"{"data":[]}"#,
        r#"{"data":"accepted"}"#,
        r#"{"data":{"urls":{"get":"https://a/b/pred_1"}}}"#,
        r#"{"data":{"urls":{"get":"https://a/predictions/"}}}"#,
        // The id of a request.
        r#"{"id":"req_1","code":5003,"message":"Service unavailable"}"#,
        r#"{"id":"req_1","cut"#,
        r#"{"id":"req_1","status":429,"message":"Too many requests"}"#,
        r#"{"id":"req_1","status":"error","error":{}}"#,
    ] {
        assert_eq!(answer(200, body).raw_id(), None, "{body}");
    }
    // An error may have an id of its own.
    let error = r#"{"id":"req_1","status":"failed"}"#;
    assert_eq!(answer(500, error).raw_id(), None);
    for dots in [".", ".."] {
        let answer = answer(200, &format!(r#"{{"data":{{"id":"{dots}"}}}}"#));
        assert_eq!(answer.prediction_id(), None);
        assert_eq!(answer.raw_id().as_deref(), Some(dots));
    }
}

#[test]
fn prediction_has_the_id_as_it_is_written() {
    for (body, expected) in [
        (
            r#"{"data":{"id":123456789012345678901234567890,"status":"created"}}"#,
            "123456789012345678901234567890",
        ),
        (
            r#"{"data":[{"urls":{"get":"/predictions/pred_1/result"},"status":"created"}]}"#,
            "pred_1",
        ),
        (
            r#"{"data":"{\"id\":\"pred_1\",\"status\":\"created\"}"}"#,
            "pred_1",
        ),
        (r#"{"id":"pred_1","status":"created"}"#, "pred_1"),
    ] {
        let prediction = answer(200, body).prediction().unwrap();
        assert_eq!(prediction.id(), expected, "{body}");
        assert_eq!(prediction.status().name(), "created", "{body}");
        let again = Prediction::from_json(prediction.raw().clone()).unwrap();
        assert_eq!(again.id(), expected, "{body}");
    }
}

/// Compresses a text.
fn compressed(text: &[u8], format: &str) -> Vec<u8> {
    use flate2::{Compression, write};
    let level = Compression::default();
    let finish = |mut writer: Box<dyn Write>| writer.write_all(text).unwrap();
    let mut bytes = Vec::new();
    match format {
        "gzip" => finish(Box::new(write::GzEncoder::new(&mut bytes, level))),
        "zlib" => finish(Box::new(write::ZlibEncoder::new(&mut bytes, level))),
        "deflate" => finish(Box::new(write::DeflateEncoder::new(&mut bytes, level))),
        other => panic!("{other}"),
    }
    bytes
}

#[test]
fn body_is_read_however_it_is_written() {
    let text = r#"{"message":"é","data":{"id":"pred_1","status":"created"}}"#;
    let plain = text.as_bytes();
    let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let (little, big) = (utf16(u16::to_le_bytes), utf16(u16::to_be_bytes));
    let gzip = compressed(plain, "gzip");
    let rows: [(&str, Option<&str>, Vec<u8>); 13] = [
        ("BOM", None, [b"\xef\xbb\xbf", plain].concat()),
        ("UTF-16 LE", None, little.clone()),
        ("UTF-16 BE", None, big.clone()),
        (
            "UTF-16 LE with a BOM",
            None,
            [b"\xff\xfe", &*little].concat(),
        ),
        ("UTF-16 BE with a BOM", None, [b"\xfe\xff", &*big].concat()),
        ("gzip", Some("gzip"), gzip.clone()),
        ("gzip without a header", None, gzip.clone()),
        ("gzip twice", Some("gzip, gzip"), compressed(&gzip, "gzip")),
        ("gzip of UTF-16", None, compressed(&little, "gzip")),
        ("zlib", Some("deflate"), compressed(plain, "zlib")),
        ("zlib without a header", None, compressed(plain, "zlib")),
        ("raw deflate", Some("Deflate"), compressed(plain, "deflate")),
        ("a header that is left over", Some("gzip"), plain.to_vec()),
    ];
    for (name, encoding, body) in rows {
        let mut answer = Answer::new(200, body);
        if let Some(encoding) = encoding {
            let value = encoding.parse().unwrap();
            answer.headers.insert(CONTENT_ENCODING, value);
        }
        assert_eq!(answer.text(), text, "{name}");
        assert_eq!(answer.prediction_id().unwrap().as_str(), "pred_1", "{name}");
    }
}

#[test]
fn compressed_body_is_read_up_to_its_damage_and_its_limit() {
    let text = format!(
        r#"{{"data":{{"id":"pred_1","logs":"{}"}}}}"#,
        "ab".repeat(5_000)
    );
    let whole = compressed(text.as_bytes(), "gzip");
    let cut = Answer::new(200, whole[..whole.len() - 9].to_vec());
    assert_eq!(cut.prediction_id().unwrap().as_str(), "pred_1");
    // A kilobyte of zeros for each byte.
    let bomb = compressed(&vec![b' '; BODY_LIMIT + 1_000], "gzip");
    assert!(bomb.len() < 1 << 20);
    assert_eq!(Answer::new(200, bomb).text().len(), BODY_LIMIT);
    let damaged = [0x1f, 0x8b, 0, 0];
    assert_eq!(Answer::new(200, damaged.to_vec()).prediction_id(), None);
}

#[test]
fn invalid_utf8_before_the_id_does_not_hide_it() {
    let body = b"{\"message\":\"\xff\",\"data\":{\"id\":\"pred_1\"}}";
    let id = Answer::new(200, body.to_vec()).prediction_id();
    assert_eq!(id.unwrap().as_str(), "pred_1");
}

#[test]
fn retry_after_is_read_in_seconds_and_as_a_date() {
    let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
    for (text, expected) in [
        ("7", Some(7)),
        (" 0 ", Some(0)),
        ("0.5", Some(1)),
        ("1.2", Some(2)),
        ("1.000", Some(1)),
        ("299.997", Some(300)),
        ("18446744073709551615.5", Some(3_600)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("18446744073709551615", Some(3_600)),
        ("99999999999999999999", Some(3_600)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3_600)),
        ("", None),
        ("soon", None),
        ("-1", None),
        (".", None),
        ("1.", None),
        ("1.2.3", None),
        ("1e3", None),
    ] {
        let mut busy = answer(429, "");
        busy.headers.insert(RETRY_AFTER, text.parse().unwrap());
        assert_eq!(
            busy.retry_after(now),
            expected.map(Duration::from_secs),
            "{text}"
        );
    }
    assert_eq!(answer(429, "").retry_after(now), None);
}

#[test]
fn retry_after_as_a_date_is_judged_by_the_date_of_the_answer() {
    let mut busy = answer(429, "");
    let until = "Sun, 06 Nov 1994 08:50:37 GMT".parse().unwrap();
    busy.headers.insert(RETRY_AFTER, until);
    let in_a_year = httpdate::parse_http_date("Mon, 06 Nov 1995 08:49:37 GMT").unwrap();
    for (date, expected) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 60),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 0),
        ("Sat, 05 Nov 1994 08:50:37 GMT", 3_600),
        // Without a readable date, the clock of this machine is all there is.
        ("yesterday", 0),
    ] {
        busy.headers.insert(DATE, date.parse().unwrap());
        let expected = Some(Duration::from_secs(expected));
        assert_eq!(busy.retry_after(in_a_year), expected, "{date}");
    }
}

#[test]
fn display_describes_the_answer_in_one_line() {
    let line = |status, body| answer(status, body).to_string();
    assert_eq!(
        line(404, r#"{"code":404,"message":"Prediction not found."}"#),
        "HTTP 404: Prediction not found."
    );
    assert_eq!(
        line(
            200,
            r#"{"code":5003,"message":"Service unavailable","data":null}"#
        ),
        "HTTP 200 with code 5003: Service unavailable"
    );
    assert_eq!(
        line(502, "<html>\n bad gateway"),
        r#"HTTP 502: "<html>\n bad gateway""#
    );
    assert_eq!(line(503, ""), "HTTP 503");
    assert_eq!(line(403, r#"{"code":403,"message":null}"#), "HTTP 403");
    assert_eq!(
        line(403, r#"{"code":403,"message":null,"error_code":"role"}"#),
        "HTTP 403: role"
    );
}

/// Pieces of answers.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b" ",
    b"\"data\":",
    b"\"id\":",
    b"\"urls\":",
    b"\"get\":",
    b"\"status\":",
    b"\"pred_1\"",
    b"\"/predictions/%ff/result\"",
    b"\"{\\\"id\\\":7}\"",
    b"7",
    b"-1e999",
    b"null",
    b"\\ud800",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x1f\x8b\x08",
    b"\x78\x9c",
    b"\0",
    b"{\0",
];

/// Reads everything that can be read in an answer.
fn read_everything(answer: &Answer) {
    let id = answer.prediction_id();
    assert!(id.is_none() || id.as_ref().map(PredictionId::as_str) == answer.raw_id().as_deref());
    let (_, _) = (answer.envelope(), answer.retry_after(SystemTime::now()));
    if let Some(prediction) = answer.prediction() {
        assert_eq!(Some(prediction.id()), answer.raw_id().as_deref());
    }
    assert!(answer.to_string().starts_with("HTTP "));
}

/// Returns a strategy for any JSON of limited depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), status in 100u16..1000) {
        read_everything(&Answer::new(status, bytes));
    }

    /// Pieces of readable answers in any order, with some bytes replaced, plain and compressed.
    #[test]
    fn no_damage_of_an_answer_causes_a_panic(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..12),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        format in proptest::sample::select(vec!["", "gzip", "zlib", "deflate"]),
        is_damaged_last in any::<bool>(),
    ) {
        let compress = |bytes: Vec<u8>| match format {
            "" => bytes,
            format => compressed(&bytes, format),
        };
        let replace = |mut bytes: Vec<u8>| {
            for (at, byte) in &damage {
                let length = bytes.len().max(1);
                if let Some(old) = bytes.get_mut(at % length) {
                    *old = *byte;
                }
            }
            bytes
        };
        let bytes = pieces.iter().flat_map(|piece| PIECES[*piece]).copied().collect();
        let bytes = match is_damaged_last {
            true => replace(compress(bytes)),
            false => compress(replace(bytes)),
        };
        let mut answer = Answer::new(200, bytes);
        answer.headers.insert(CONTENT_ENCODING, "deflate".parse().unwrap());
        read_everything(&answer);
    }

    /// Whatever is before and after the id, and wherever after the id the answer is cut off.
    #[test]
    fn prediction_id_in_the_bytes_is_not_lost(
        id in "[A-Za-z0-9_-]{4,40}",
        before in proptest::collection::vec(("[b-z]{1,6}", any_json()), 0..4),
        after in any_json(),
        cut in 0usize..400,
    ) {
        let mut data: serde_json::Map<String, Value> = before.into_iter().collect();
        data.remove("id");
        data.insert("id".into(), id.clone().into());
        let known = format!(r#"{{"code":200,"data":{}"#, Value::Object(data));
        let known = known.strip_suffix('}').unwrap();
        let whole = format!(r#"{known},"after":{after}}}}}"#);
        let mut end = (known.len() + cut).min(whole.len());
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        let answer = answer(200, &whole[..end]);
        let found = answer.prediction_id();
        prop_assert_eq!(found.as_ref().map(PredictionId::as_str), Some(&*id));
    }
}
