//! A contract small enough to be assembled by hand, byte by byte, so that tests need no compiler.
//!
//! ```text
//! put(k, v)      persistent data, and an event with no topics and v as its data
//! put_temp(k, v) temporary data
//! get(k)         persistent data; fails when there is none
//! fail()         traps
//! spin()         never ends
//! ```

use stellar_xdr::{Limits, ScEnvMetaEntry, ScEnvMetaEntryInterfaceVersion, WriteXdr};

const I64: u8 = 0x7e;
/// Value `Void` as the host encodes it in 64 bits.
const VOID: u8 = 2;
const TEMPORARY: u8 = 0;
const PERSISTENT: u8 = 1;

/// Imports, in the order `call` numbers them.
const PUT_DATA: u8 = 0;
const GET_DATA: u8 = 1;
const EVENT: u8 = 2;
const NEW_VEC: u8 = 3;
const IMPORTS: u8 = 4;

/// The contract's bytes, the same every time.
pub fn keeper() -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    // Types: (k, v, kind) -> val; (a, b) -> val; (a) -> val; () -> val.
    wasm.extend(section(1, &list(&[function_type(3), function_type(2), function_type(1), function_type(0)])));
    wasm.extend(section(
        2,
        &list(&[import("l", "_", 0), import("l", "1", 1), import("x", "1", 1), import("v", "_", 3)]),
    ));
    wasm.extend(section(3, &list(&[vec![1], vec![1], vec![2], vec![3], vec![3]])));
    let names = ["put", "put_temp", "get", "fail", "spin"];
    let exports: Vec<_> = (IMPORTS..).zip(names).map(|(index, name)| export(name, index)).collect();
    wasm.extend(section(7, &list(&exports)));
    wasm.extend(section(10, &list(&[put(), put_temp(), get(), fail(), spin()])));
    let mut custom = name("contractenvmetav0");
    let version = ScEnvMetaEntryInterfaceVersion { protocol: 29, pre_release: 0 };
    let meta = ScEnvMetaEntry::ScEnvMetaKindInterfaceVersion(version);
    custom.extend(meta.to_xdr(Limits::none()).unwrap());
    wasm.extend(section(0, &custom));
    wasm
}

const LOCAL_GET: u8 = 0x20;
const I64_CONST: u8 = 0x42;
const CALL: u8 = 0x10;
const DROP: u8 = 0x1a;

fn put() -> Vec<u8> {
    let store = [LOCAL_GET, 0, LOCAL_GET, 1, I64_CONST, PERSISTENT, CALL, PUT_DATA, DROP];
    let emit = [CALL, NEW_VEC, LOCAL_GET, 1, CALL, EVENT, DROP, I64_CONST, VOID];
    code(&[store.as_slice(), &emit].concat())
}

fn put_temp() -> Vec<u8> {
    code(&[LOCAL_GET, 0, LOCAL_GET, 1, I64_CONST, TEMPORARY, CALL, PUT_DATA])
}

fn get() -> Vec<u8> {
    code(&[LOCAL_GET, 0, I64_CONST, PERSISTENT, CALL, GET_DATA])
}

fn fail() -> Vec<u8> {
    code(&[0x00])
}

fn spin() -> Vec<u8> {
    // loop; br 0; end; unreachable
    code(&[0x03, 0x40, 0x0c, 0, 0x0b, 0x00])
}

/// A body without locals.
fn code(instructions: &[u8]) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(instructions);
    body.push(0x0b);
    sized(&body)
}

fn function_type(arguments: u8) -> Vec<u8> {
    let mut bytes = vec![0x60, arguments];
    bytes.extend(vec![I64; usize::from(arguments)]);
    bytes.extend([1, I64]);
    bytes
}

fn import(module: &str, field: &str, type_index: u8) -> Vec<u8> {
    [name(module), name(field), vec![0, type_index]].concat()
}

fn export(field: &str, index: u8) -> Vec<u8> {
    [name(field), vec![0, index]].concat()
}

fn name(text: &str) -> Vec<u8> {
    sized(text.as_bytes())
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(items.len()).unwrap()];
    bytes.extend(items.concat());
    bytes
}

fn section(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind], sized(body)].concat()
}

/// Length (one LEB128 byte or two) and bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len() & 0x7f).unwrap();
    let high = u8::try_from(bytes.len() >> 7).unwrap();
    let mut out = if high == 0 { vec![length] } else { vec![length | 0x80, high] };
    out.extend(bytes);
    out
}
