//! The languages of ROS: recordings of the running Apollo stack, and bytes of nobody.

use proptest::prelude::*;
use skidpad_ros1::http::{self, Decoder, HttpError, Kind};
use skidpad_ros1::tcpros::{self, Frames, Header, MAX_HEADER, MAX_MESSAGE};
use skidpad_ros1::xmlrpc::{self, Answer, Call, Value};
use skidpad_test_support::{Damage, damaged};
use std::collections::BTreeMap;
use std::fs;

/// Recorded exchanges of the starting stack.
const RECORDINGS: [&str; 2] = ["apollo/wire_control_start.txt", "apollo/wire_full_stack.txt"];

/// An HTTP message of a recording, as it was on the wire.
struct Recorded {
    request: bool,
    bytes: Vec<u8>,
    body: String,
}

fn recorded(text: &str) -> Vec<Recorded> {
    let mut messages = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((_, head)) = line.split_once(" http: ") else { continue };
        let (start, headers) = head.split_once(" | ").unwrap();
        let mut body = String::new();
        while lines.peek().is_some_and(|line| line.starts_with("          ") && !line.contains("-> ")) {
            body.push_str(lines.next().unwrap().trim_start());
        }
        // Others than XML-RPC (the modules' status) are not recorded in full.
        if !body.starts_with("<?xml") || !body.trim_end().ends_with('>') {
            continue;
        }
        let keep = headers.split(" ; ").filter(|header| !header.to_lowercase().starts_with("content-length"));
        let headers: String = keep.map(|header| format!("{header}\r\n")).collect();
        // The recording has lost the line feed at the end of some bodies.
        let bytes = format!("{start}\r\n{headers}Content-length: {}\r\n\r\n{body}", body.len()).into_bytes();
        messages.push(Recorded { request: start.starts_with("POST"), bytes, body });
    }
    messages
}

#[test]
fn every_call_and_answer_of_the_recorded_stack_is_read_and_written_back() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let (mut calls, mut answers) = (BTreeMap::new(), 0);
    for file in RECORDINGS {
        let text = String::from_utf8_lossy(&fs::read(folder.join(file)).unwrap()).into_owned();
        for message in recorded(&text) {
            let mut decoder = Decoder::new(if message.request { Kind::Request } else { Kind::Response });
            decoder.push(&message.bytes);
            let http = decoder.message().unwrap().expect("a whole message");
            assert!(http.keep_alive, "{}", message.body);
            assert_eq!(http.body, message.body.as_bytes());
            if message.request {
                let call = xmlrpc::decode_call(&http.body).unwrap();
                assert_eq!(xmlrpc::decode_call(&xmlrpc::encode_call(&call)).unwrap(), call);
                *calls.entry(call.method).or_insert(0) += 1;
            } else {
                let answer = xmlrpc::decode_answer(&http.body).unwrap();
                assert_eq!(xmlrpc::decode_answer(&xmlrpc::encode_answer(&answer)).unwrap(), answer);
                let Answer::Value(Value::Array(parts)) = answer else { panic!("{}", message.body) };
                let code = parts[0].as_int().unwrap();
                assert!(parts.len() == 3 && (code == 1 || code == -1), "{}", message.body);
                answers += 1;
            }
        }
    }
    for method in ["hasParam", "registerPublisher", "registerService", "registerSubscriber", "requestTopic"] {
        assert!(calls.get(method).is_some_and(|count| *count > 5), "{method}: {calls:?}");
    }
    assert!(answers > 100, "{answers}");
}

#[test]
fn what_is_written_is_byte_for_byte_what_rosmaster_writes() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let mut compared = 0;
    for file in RECORDINGS {
        let text = String::from_utf8_lossy(&fs::read(folder.join(file)).unwrap()).into_owned();
        for message in
            recorded(&text).into_iter().filter(|message| message.body.starts_with("<?xml version='1.0'?>"))
        {
            let ours = match message.request {
                true => xmlrpc::encode_call(&xmlrpc::decode_call(message.body.as_bytes()).unwrap()),
                false => xmlrpc::encode_answer(&xmlrpc::decode_answer(message.body.as_bytes()).unwrap()),
            };
            let ours = String::from_utf8(ours).unwrap().replacen("\"1.0\"", "'1.0'", 1);
            assert_eq!(ours.trim_end(), message.body.trim_end());
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn values_are_read_as_every_ros_client_writes_them() {
    let call = |value: &str| {
        let xml = format!(
            "<?xml version=\"1.0\"?>\r\n<!-- - --><methodCall>\n <methodName>m</methodName>\n <params><param>{value}\
             </param></params></methodCall>\n\0"
        );
        xmlrpc::decode_call(xml.as_bytes()).map(|call| call.params)
    };
    let one = |value: Value| Ok(vec![value]);
    assert_eq!(call("<value>/control</value>"), one("/control".into()));
    assert_eq!(call("<value><string> a&amp;b &lt;&#65;&gt; </string></value>"), one(" a&b <A> ".into()));
    assert_eq!(call("<value><string><![CDATA[<x>]]></string></value>"), one("<x>".into()));
    assert_eq!(call("<value></value>"), one("".into()));
    assert_eq!(call("<value/>"), one("".into()));
    assert_eq!(call("<value><string/></value>"), one("".into()));
    assert_eq!(call("<value><i4>-7</i4></value>"), one((-7).into()));
    assert_eq!(call("<value>\n<int> 7 </int>\n</value>"), one(7.into()));
    assert_eq!(call("<value><boolean>1</boolean></value>"), one(Value::Bool(true)));
    assert_eq!(call("<value><double>-1.5e-3</double></value>"), one(Value::Double(-1.5e-3)));
    assert_eq!(call("<value><base64>\nAP8=\n</base64></value>"), one(Value::Binary(vec![0, 255])));
    assert_eq!(call("<value><array><data/></array></value>"), one(Value::Array(vec![])));
    let members = "<struct> <member><name>a</name><value><i4>1</i4></value></member> </struct>";
    let members = call(&format!("<value>{members}</value>"));
    assert_eq!(members, one(Value::Struct([("a".to_string(), 1.into())].into())));
    for wrong in [
        "<value><i4>x</i4></value>",
        "<value><i4>99999999999</i4></value>",
        "<value><boolean>2</boolean></value>",
        "<value><nil/></value>",
        "<value>text<i4>1</i4></value>",
        "<value><array><value>1</value></array></value>",
        "<value>&unknown;</value>",
        "<value>",
    ] {
        call(wrong).expect_err(wrong);
    }
    let deep = format!("{}{}", "<value><array><data>".repeat(5000), "</data></array></value>".repeat(5000));
    let error = call(&deep).unwrap_err().to_string();
    assert!(error.contains("within one another"), "{error}");
    let bomb =
        b"<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">]><methodCall><methodName>&a;</methodName></methodCall>";
    let error = xmlrpc::decode_call(bomb).unwrap_err().to_string();
    assert!(error.contains("document types"), "{error}");
}

#[test]
fn http_is_read_in_any_pieces_and_its_faults_are_named() {
    let decode = |kind: Kind, bytes: &[u8]| {
        let mut decoder = Decoder::new(kind);
        let mut messages = Vec::new();
        for byte in bytes {
            decoder.push(&[*byte]);
            while let Some(message) = decoder.message()? {
                messages.push(message);
            }
        }
        messages.extend(decoder.finish()?);
        Ok(messages)
    };
    let two =
        b"POST / HTTP/1.1\r\nContent-length: 2\r\n\r\nab\r\nPOST / HTTP/1.0\r\ncontent-LENGTH:1\r\n\r\nc";
    let found = decode(Kind::Request, two).unwrap();
    let bodies: Vec<_> = found.iter().map(|message| (message.body.as_slice(), message.keep_alive)).collect();
    assert_eq!(bodies, [(&b"ab"[..], true), (&b"c"[..], false)]);
    let to_the_end = decode(Kind::Response, b"HTTP/1.0 200 OK\r\n\r\nabc").unwrap();
    assert_eq!((to_the_end[0].status, &to_the_end[0].body[..]), (200, &b"abc"[..]));
    let error = |bytes: &[u8]| decode(Kind::Request, bytes).unwrap_err();
    assert_eq!(error(b"POST / HTTP/1.1\r\n\r\n"), HttpError::NoLength);
    assert_eq!(error(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), HttpError::NoLength);
    assert!(matches!(
        error(b"POST / HTTP/1.1\r\nContent-length: 99999999\r\n\r\n"),
        HttpError::BodyTooLong(99_999_999)
    ));
    assert_eq!(error(b"POST / HTTP/1.1\r\nContent-length: 5\r\n\r\nab"), HttpError::Closed);
    assert!(matches!(error(b"\x16\x03\x01\x02\x00"), HttpError::Malformed(_)));
    assert_eq!(error(&[b"GET /".as_slice(), &[b'a'; 20_000]].concat()), HttpError::HeadTooLong);
    let sent = decode(Kind::Request, &http::request("POST", "h:1", "/", "text/xml", b"x")).unwrap();
    assert_eq!((sent[0].body.as_slice(), sent[0].keep_alive), (&b"x"[..], false));
}

/// The recorded header of a subscriber or publisher, without what the recording shortened.
fn recorded_headers(text: &str) -> Vec<BTreeMap<String, String>> {
    let headers = text.lines().filter_map(|line| line.split_once(" tcpros: "));
    let fields = |(_, header): (&str, &str)| {
        let fields = header.split(" || ").filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (name.to_string(), value.to_string())).collect::<BTreeMap<_, _>>()
    };
    headers.map(fields).filter(|header| header.contains_key("type")).collect()
}

#[test]
fn recorded_connection_headers_survive_a_round_trip() {
    let Some(folder) = skidpad_test_support::reference_data() else { return };
    let mut seen = 0;
    for file in RECORDINGS {
        let text = String::from_utf8_lossy(&fs::read(folder.join(file)).unwrap()).into_owned();
        for fields in recorded_headers(&text) {
            let header = Header::new(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let bytes = header.encode();
            let mut frames = Frames::default();
            frames.push(&bytes);
            let body = frames.next("header", MAX_HEADER).unwrap().unwrap().to_vec();
            assert_eq!(Header::decode(&body).unwrap(), header);
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn an_apollo_body_is_a_length_within_a_length() {
    // The first bytes of the chassis in the recording: 0x54 outer, 0x50 inner.
    let protobuf = [0x18, 0x01, 0x25, 0, 0, 0, 0];
    let bytes = tcpros::frame(&tcpros::protobuf_body(&protobuf));
    assert_eq!(bytes[..8], [11, 0, 0, 0, 7, 0, 0, 0]);
    let mut frames = Frames::default();
    frames.push(&bytes[..5]);
    assert_eq!(frames.next("message", MAX_MESSAGE), Ok(None));
    assert_eq!(frames.missing(), 10);
    frames.push(&bytes[5..]);
    let body = frames.next("message", MAX_MESSAGE).unwrap().unwrap();
    assert_eq!(tcpros::protobuf(body), Some(&protobuf[..]));
    assert_eq!(tcpros::protobuf(&body[..10]), None);
    assert_eq!(tcpros::protobuf(b"abc"), None);
    frames.push(&[0xff; 4]);
    let error = frames.next("message", MAX_MESSAGE).unwrap_err().to_string();
    assert_eq!(error, "a message of 4294967295 bytes; at most 16777216 are taken");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        any::<String>().prop_map(Value::Text),
        any::<f64>().prop_filter("a number", |number| !number.is_nan()).prop_map(Value::Double),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Binary),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Value::Struct),
        ]
    })
}

/// XML has no control characters but three, and reads each end of line as a line feed.
fn as_xml(value: Value) -> Value {
    let keep = |text: String| -> String {
        let replace = |letter: char| match letter {
            '\t' | '\n' | '\r' => letter,
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => '?',
            _ => letter,
        };
        text.chars().map(replace).collect()
    };
    match value {
        Value::Text(text) => Value::Text(keep(text)),
        Value::Array(values) => Value::Array(values.into_iter().map(as_xml).collect()),
        Value::Struct(members) => {
            Value::Struct(members.into_iter().map(|(name, value)| (keep(name), as_xml(value))).collect())
        }
        other => other,
    }
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec((any::<u8>(), any::<usize>(), any::<u32>()), 1..6)
}

// More cases by hand: PROPTEST_CASES=1000000 cargo test -p skidpad-ros1 --release --test codecs
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_survive_a_round_trip(values in prop::collection::vec(any_value(), 0..4)) {
        let call = Call::new("a.method", values.clone());
        let read = xmlrpc::decode_call(&xmlrpc::encode_call(&call)).unwrap();
        let expected: Vec<Value> = values.into_iter().map(as_xml).collect();
        prop_assert_eq!(read.params, expected);
    }

    #[test]
    fn random_bytes_are_no_xml_rpc(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(xmlrpc::decode_call(&bytes).is_err());
        prop_assert!(xmlrpc::decode_answer(&bytes).is_err());
    }

    #[test]
    fn random_tags_never_panic(words in prop::collection::vec(prop::sample::select(vec![
        "<?xml version=\"1.0\"?>", "<methodCall>", "</methodCall>", "<methodName>", "</methodName>", "<params>",
        "</params>", "<param>", "</param>", "<value>", "</value>", "<i4>", "</i4>", "<array>", "</array>", "<data>",
        "</data>", "<struct>", "</struct>", "<member>", "</member>", "<name>", "</name>", "<fault>", "</fault>",
        "<methodResponse>", "</methodResponse>", "<string>", "</string>", "<base64>", "</base64>", "<double>",
        "</double>", "1", "&amp;", "&#x10FFFF;", "&#99999999;", "&", "<", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE", " ",
    ]), 0..40)) {
        let text = words.concat();
        let _ = xmlrpc::decode_call(text.as_bytes());
        let _ = xmlrpc::decode_answer(text.as_bytes());
        let call = format!("<methodCall><methodName>m</methodName><params><param><value>{text}");
        let _ = xmlrpc::decode_call(call.as_bytes());
    }

    #[test]
    fn random_bytes_never_stop_http(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..20),
        request in any::<bool>(),
    ) {
        let mut decoder = Decoder::new(if request { Kind::Request } else { Kind::Response });
        'pieces: for piece in &pieces {
            decoder.push(piece);
            loop {
                match decoder.message() {
                    Ok(Some(message)) => prop_assert!(message.body.len() <= http::MAX_BODY),
                    Ok(None) => break,
                    Err(_) => break 'pieces,
                }
            }
        }
        let _ = decoder.finish();
    }

    #[test]
    fn frames_come_out_as_they_went_in(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10),
        step in 1usize..50,
    ) {
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| tcpros::frame(body)).collect();
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for piece in bytes.chunks(step) {
            frames.push(piece);
            while let Some(body) = frames.next("message", MAX_MESSAGE).unwrap() {
                found.push(body.to_vec());
            }
        }
        prop_assert_eq!(found, bodies);
        prop_assert!(!frames.is_within());
    }

    #[test]
    fn random_bytes_never_stop_tcpros(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Header::decode(&bytes);
        let _ = tcpros::protobuf(&bytes);
        let mut frames = Frames::default();
        frames.push(&bytes);
        while let Ok(Some(body)) = frames.next("message", 1000) {
            prop_assert!(body.len() <= 1000);
        }
        prop_assert!(frames.missing() <= 4 + u32::MAX as usize);
    }

    #[test]
    fn headers_survive_a_round_trip(fields in prop::collection::btree_map("[a-z_]{1,20}", "[^\0]{0,60}", 0..8)) {
        let header = Header::new(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let bytes = header.encode();
        prop_assert_eq!(Header::decode(&bytes[4..]).unwrap(), header);
    }

    #[test]
    fn damaged_calls_and_answers_are_refused_or_mean_what_can_be_written_again(
        values in prop::collection::vec(any_value(), 0..4),
        is_fault in any::<bool>(),
        damages in damages(),
    ) {
        let call = damaged(&xmlrpc::encode_call(&Call::new("a.method", values.clone())), &damages);
        if let Ok(read) = xmlrpc::decode_call(&call) {
            let again = xmlrpc::decode_call(&xmlrpc::encode_call(&read)).unwrap();
            let expected: Vec<Value> = read.params.into_iter().map(as_xml).collect();
            // As text, since there a number that is none is like another.
            prop_assert_eq!(format!("{:?}", again.params), format!("{expected:?}"));
        }
        let answer = match is_fault {
            true => Answer::Fault { code: 4, message: "no".into() },
            false => Answer::Value(Value::Array(values)),
        };
        if let Ok(read) = xmlrpc::decode_answer(&damaged(&xmlrpc::encode_answer(&answer), &damages)) {
            xmlrpc::decode_answer(&xmlrpc::encode_answer(&read)).unwrap();
        }
    }

    #[test]
    fn damaged_http_is_refused_or_read_within_its_bounds(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4),
        damages in damages(),
        step in 1usize..300,
    ) {
        let valid: Vec<u8> =
            bodies.iter().flat_map(|body| http::request("POST", "h:1", "/RPC2", "text/xml", body)).collect();
        let bytes = damaged(&valid, &damages);
        for kind in [Kind::Request, Kind::Response] {
            let (mut decoder, mut taken) = (Decoder::new(kind), 0);
            'pieces: for piece in bytes.chunks(step) {
                decoder.push(piece);
                loop {
                    match decoder.message() {
                        Ok(Some(message)) => taken += message.body.len(),
                        Ok(None) => break,
                        Err(_) => break 'pieces,
                    }
                }
            }
            prop_assert!(taken <= bytes.len(), "it makes bytes up");
            let _ = decoder.finish();
        }
    }

    #[test]
    fn damaged_connections_are_refused_or_read_within_their_bounds(
        fields in prop::collection::btree_map("[a-z_]{1,12}", "[^\0]{0,40}", 0..6),
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5),
        damages in damages(),
        step in 1usize..300,
    ) {
        let header = Header::new(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let messages = bodies.iter().flat_map(|body| tcpros::frame(&tcpros::protobuf_body(body)));
        let bytes = damaged(&header.encode().into_iter().chain(messages).collect::<Vec<u8>>(), &damages);
        let (mut frames, mut taken, mut is_open) = (Frames::default(), 0, true);
        for piece in bytes.chunks(step) {
            frames.push(piece);
            while is_open {
                let (what, most) = if taken == 0 { ("header", 300) } else { ("message", MAX_MESSAGE) };
                match frames.next(what, most) {
                    Ok(Some(body)) => {
                        if taken == 0 && let Ok(read) = Header::decode(body) {
                            prop_assert_eq!(Header::decode(&read.encode()[4..]).unwrap(), read);
                        }
                        if let Some(protobuf) = tcpros::protobuf(body) {
                            prop_assert_eq!(protobuf.len() + 4, body.len());
                        }
                        taken += 4 + body.len();
                    }
                    Ok(None) => break,
                    Err(_) => is_open = false,
                }
            }
        }
        prop_assert!(taken <= bytes.len(), "it makes bytes up");
    }
}
