//! Strips a built contract's interface section: keeps the entries that are used, drops their prose.
//!
//! The contract SDK writes an entry for every type it knows into `contractspecv0` and leaves it to the build
//! to remove the unused ones, by markers in the data section. Prose goes as well, because rent is paid per
//! byte; it stands in the source and in the README. Every other section is copied bit by bit, except names,
//! which are dropped. It never touches code.
//!
//! `layr-shake IN OUT`

use soroban_spec::shaking;
use std::{env, fs, io, process::ExitCode};
use stellar_xdr::{Limits, ScSpecEntry, ScSpecUdtErrorEnumCaseV0, StringM, WriteXdr};
use wasmparser::{Parser, Payload};

const SPEC: &str = "contractspecv0";
/// What opens every module: magic and version.
const PREAMBLE: usize = 8;

/// Why a module could not be stripped.
#[derive(Debug, thiserror::Error)]
enum ShakeError {
    #[error("usage: layr-shake IN OUT")]
    Usage,
    #[error("cannot read or write a file: {0}")]
    File(#[from] io::Error),
    #[error("not a module: {0}")]
    Module(#[from] wasmparser::BinaryReaderError),
    #[error("the module carries no readable interface: {0}")]
    Spec(#[from] soroban_spec::read::FromWasmError),
    #[error("an interface entry does not encode: {0}")]
    Encode(#[from] stellar_xdr::Error),
    #[error("the module is cut short")]
    Truncated,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("layr-shake: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), ShakeError> {
    let mut args = env::args_os().skip(1);
    let (Some(input), Some(output), None) = (args.next(), args.next(), args.next()) else {
        return Err(ShakeError::Usage);
    };
    Ok(fs::write(output, shake(&fs::read(input)?)?)?)
}

/// The module with its interface stripped.
fn shake(wasm: &[u8]) -> Result<Vec<u8>, ShakeError> {
    let mut out = wasm.get(..PREAMBLE).ok_or(ShakeError::Truncated)?.to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload {
            match section.name() {
                SPEC => append_custom(&mut out, SPEC, &spec(wasm)?),
                "name" | "producers" | "target_features" => {}
                other => append_custom(&mut out, other, section.data()),
            }
        } else if let Some((id, range)) = payload.as_section() {
            append_section(&mut out, id, wasm.get(range).ok_or(ShakeError::Truncated)?);
        }
    }
    Ok(out)
}

/// The used entries, without prose, in their order.
fn spec(wasm: &[u8]) -> Result<Vec<u8>, ShakeError> {
    let markers = shaking::find_all(wasm);
    let mut out = Vec::new();
    for entry in shaking::filter(soroban_spec::read::from_wasm(wasm)?, &markers) {
        out.extend(silent(entry).to_xdr(Limits::none())?);
    }
    Ok(out)
}

/// An entry without its prose.
fn silent(mut entry: ScSpecEntry) -> ScSpecEntry {
    match &mut entry {
        ScSpecEntry::FunctionV0(function) => {
            function.doc = StringM::default();
            function.inputs.iter_mut().for_each(|input| input.doc = StringM::default());
        }
        ScSpecEntry::UdtStructV0(udt) => {
            udt.doc = StringM::default();
            udt.fields.iter_mut().for_each(|field| field.doc = StringM::default());
        }
        ScSpecEntry::UdtErrorEnumV0(udt) => {
            udt.doc = StringM::default();
            let quiet = |case: &mut ScSpecUdtErrorEnumCaseV0| case.doc = StringM::default();
            udt.cases.iter_mut().for_each(quiet);
        }
        ScSpecEntry::EventV0(event) => {
            event.doc = StringM::default();
            event.params.iter_mut().for_each(|param| param.doc = StringM::default());
        }
        _ => {}
    }
    entry
}

fn append_custom(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut body = Vec::new();
    append_size(&mut body, name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(data);
    append_section(out, 0, &body);
}

fn append_section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    append_size(out, body.len());
    out.extend_from_slice(body);
}

/// Appends a size as LEB128.
fn append_size(out: &mut Vec<u8>, mut size: usize) {
    loop {
        let low = u8::try_from(size & 0x7f).expect("seven bits fit a byte");
        size >>= 7;
        if size == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
