//! The test vectors of the standard (WebAuthn Level 3, section 16). Their assertions were made without user
//! verification or in a frame of another origin, so they are refused for exactly this reason, and only afterwards
//! their signatures are checked.

use data_encoding::HEXLOWER;

use super::*;

struct Vector {
    key: &'static str,
    challenge: &'static str,
    authenticator_data: &'static str,
    client_data: &'static str,
    signature: &'static str,
    fault: Fault,
}

/// The prefixes of a P-256 and an Ed25519 key in SPKI DER.
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
const ED25519: &str = "302a300506032b6570032100";

/// 16.2 (ES256), 16.4 (ES256 with `crossOrigin`) and 16.11 (Ed25519).
fn vectors() -> [Vector; 3] {
    [
        Vector {
            key: "afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61930a56b87a2fca66334b03458abf8797\
                  17c12cc68ed73290af2e2664796b9220",
            challenge: "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408",
            authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000",
            client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158\
                          756c5455506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e\
                          223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d",
            signature: "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93\
                        538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87",
            fault: Fault::NotVerified,
        },
        Vector {
            key: "22200a473f90b11078851550d03b4e44a2279f8c4eca27b3153dedfe03e4e97dcbd0be95e746ad6f5a8191be11756e4c\
                  0420e72f65b466d39bc56b8b123a9c6e",
            challenge: "876aa517ba83fdee65fcffdbca4c84eeae5d54f8041a1fc85c991e5bbb273137",
            authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50500000000",
            client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a226832716c46377144\
                          5f65356c5f505f62796b7945377135645650674547685f49584a6b655737736e4d5463222c226f726967696e\
                          223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a747275652c22\
                          657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e6465642077\
                          697468206164646974696f6e616c206669656c647320696e20746865206675747572652c2073756368206173\
                          20746869733a2039327063545644304162792d713464746d6a36656667227d",
            signature: "3046022100eb12fcf23b12764c0f122e22371fab92e283879fd798f38ee1841c951b6e40e7022100c76237ff9db7\
                        7b3c56f30837cda6a09acfa2e915544e609c0733b1184036d1cf",
            fault: Fault::CrossOrigin("crossOrigin"),
        },
        Vector {
            key: "44e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832",
            challenge: "895957e01c633a698348a2d8a31a54b7db27e8c1c43b2080d79ae2190267bfd2",
            authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50100000000",
            client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a2269566c583442786a\
                          4f6d6d44534b4c596f7870557439736e364d48454f7943413135726947514a6e763949222c226f726967696e\
                          223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d",
            signature: "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393bc0d40b011f0d6fec\
                        b097d6607525713223a0dc0d453993dae00b",
            fault: Fault::NotVerified,
        },
    ]
}

fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn key(hex: &str) -> PublicKey {
    let prefix = if hex.len() == 128 { P256 } else { ED25519 };
    let der = STANDARD.encode(unhex(&format!("{prefix}{hex}")));
    let lines: Vec<&str> =
        der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    PublicKey::from_pem(&pem).unwrap()
}

#[test]
fn the_vectors_of_the_standard_have_valid_signatures_and_are_refused_for_their_one_fault() {
    for vector in vectors() {
        let key = key(vector.key);
        let (authenticator, client) = (unhex(vector.authenticator_data), unhex(vector.client_data));
        let assertion = Assertion {
            authenticator_data: STANDARD.encode(&authenticator),
            client_data: STANDARD.encode(&client),
        };
        let challenge = Digest::from_hex(vector.challenge).unwrap();
        let signature = key.normalised(&unhex(vector.signature)).unwrap();
        let relying_party = relying_party("example.org", &["https://example.org"]);
        let passkey = Passkey { key, relying_party };
        assert_eq!(passkey.verify(&challenge, &assertion, &signature), Err(vector.fault));
        let message = [authenticator.as_slice(), Digest::of(&client).as_bytes()].concat();
        assert_eq!(key.verify(&message, &signature), Ok(()));
        let other = [authenticator.as_slice(), Digest::of(b"other").as_bytes()].concat();
        assert_eq!(key.verify(&other, &signature), Err(Fault::Signature));
    }
}
