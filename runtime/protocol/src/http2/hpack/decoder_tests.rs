//! Tests of the reading of blocks: the examples of RFC 7541 appendix C, and what must be refused.

use super::*;

fn fields_of(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, BadBlock> {
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    decoder.decode(block, |name, value| {
        fields.push(format!("{}={}", text(name), text(value)));
    })?;
    Ok(fields)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |it: u8| (it as char).to_digit(16).unwrap() as u8;
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

#[test]
fn requests_of_the_rfc_are_read_with_and_without_huffman_codes() {
    let plain = [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    let coded = [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new();
        let mut read = |place: usize| fields_of(&mut decoder, &bytes(blocks[place])).unwrap();
        let first = [
            ":method=GET",
            ":scheme=http",
            ":path=/",
            ":authority=www.example.com",
        ];
        assert_eq!(read(0), first);
        let second = [first.as_slice(), &["cache-control=no-cache"]].concat();
        assert_eq!(read(1), second);
        let third = [
            ":method=GET",
            ":scheme=https",
            ":path=/index.html",
            ":authority=www.example.com",
            "custom-key=custom-value",
        ];
        assert_eq!(read(2), third);
        assert_eq!(decoder.table.size(), 164);
    }
}

#[test]
fn literals_of_the_rfc_are_read() {
    for (block, field, table_size) in [
        // RFC 7541 sections C.2.1 to C.2.4.
        (
            "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
            "custom-key=custom-header",
            55,
        ),
        ("040c2f73616d706c652f70617468", ":path=/sample/path", 0),
        ("100870617373776f726406736563726574", "password=secret", 0),
        ("82", ":method=GET", 0),
    ] {
        let mut decoder = Decoder::new();
        assert_eq!(fields_of(&mut decoder, &bytes(block)).unwrap(), [field]);
        assert_eq!(decoder.table.size(), table_size);
    }
}

#[test]
fn a_table_as_small_as_in_the_rfc_drops_its_oldest_fields() {
    // RFC 7541 section C.5 with the table of 256 bytes that it is about.
    let mut decoder = Decoder::new();
    let first = "3fe101 4803333032 580770726976617465 611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54 6e1768747470733a2f2f7777772e6578616d706c652e636f6d";
    fields_of(&mut decoder, &bytes(first)).unwrap();
    assert_eq!(decoder.table.size(), 222);
    let second = fields_of(&mut decoder, &bytes("4803333037c1c0bf")).unwrap();
    assert_eq!(second[0], ":status=307");
    assert_eq!(second[3], "location=https://www.example.com");
    assert_eq!(decoder.table.size(), 222);
}

#[test]
fn blocks_that_lie_are_refused() {
    for bad in [
        "80",         // number 0
        "be",         // a table that is empty
        "ffffffff7f", // far beyond
        "400a6375",   // ends within a name
        "0004",       // ends before it
        "3fe21f",     // a table larger than allowed
        "8220",       // a size that is not at the beginning
        "00810000",   // padding of zeros
    ] {
        let found = fields_of(&mut Decoder::new(), &bytes(bad));
        assert_eq!(found, Err(BadBlock), "{bad}");
    }
}
