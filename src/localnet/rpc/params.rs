//! Reading parameters and writing XDR, with the protocol's error codes.

use serde::de::DeserializeOwned;
use serde_json::Value;
use stellar_xdr::{Limits, ReadXdr, WriteXdr};

/// Nesting accepted in XDR from outside; the host's own limit.
const MAX_DEPTH: u32 = 500;

/// An error member of a JSON-RPC answer.
#[derive(Debug)]
pub(crate) struct RpcError {
    pub code: i32,
    pub message: String,
}

impl RpcError {
    pub(crate) fn parse(message: &str) -> Self {
        Self { code: -32_700, message: message.to_owned() }
    }

    pub(crate) fn request(message: &str) -> Self {
        Self { code: -32_600, message: message.to_owned() }
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self { code: -32_602, message: message.into() }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { code: -32_603, message: message.into() }
    }
}

impl From<stellar_xdr::Error> for RpcError {
    fn from(error: stellar_xdr::Error) -> Self {
        Self::internal(format!("cannot encode the answer: {error}"))
    }
}

/// Parameters of a method; absent ones are an empty object. Only XDR in base64 is spoken.
pub(crate) fn parse<T: DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    let mut params = if params.is_null() { Value::Object(serde_json::Map::new()) } else { params };
    drop_nulls(&mut params);
    if params.get("xdrFormat").and_then(Value::as_str).is_some_and(|format| !matches!(format, "" | "base64"))
    {
        return Err(RpcError::params("only the base64 xdrFormat is supported"));
    }
    serde_json::from_value(params).map_err(|error| RpcError::params(format!("invalid parameters: {error}")))
}

/// Some clients send `null` for what they leave unset; it means the same as leaving it out.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Decodes a stranger's base64 XDR.
pub(crate) fn decode<T: ReadXdr>(text: &str, what: &str) -> Result<T, RpcError> {
    T::from_xdr_base64(text, Limits { depth: MAX_DEPTH, len: text.len() })
        .map_err(|_| RpcError::params(format!("cannot decode {what}")))
}

/// Encodes our own XDR.
pub(crate) fn encode(value: &impl WriteXdr) -> Result<String, RpcError> {
    Ok(value.to_xdr_base64(Limits::none())?)
}

/// Decodes a transaction hash.
pub(crate) fn hash(text: &str) -> Result<[u8; 32], RpcError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| RpcError::params(format!("unexpected hash length ({}) or digits", text.len())))?;
    Ok(bytes)
}
