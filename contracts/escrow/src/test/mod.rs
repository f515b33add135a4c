//! The contract as the network runs it: the committed Wasm, on the contract host, with real keys.
//!
//! `LAYR_ESCROW_NATIVE=1` runs the same tests against the Rust code instead, for coverage.

extern crate std;

mod accounts;
mod attacks;
mod attacks_more;
mod auth;
mod beacon;
mod bond;
mod challenge;
mod close;
mod cost;
mod deal;
mod default;
mod differential;
mod document;
mod events;
mod expire;
mod largest;
mod laws;
mod meter;
mod model;
mod model_calls;
mod model_laws;
mod model_moves;
mod model_run;
mod money;
mod moves;
mod notice;
mod open;
mod prove;
mod publish;
mod redeem;
mod renew;
mod replay;
mod respond;
mod rotate;
mod schedules;
mod schedules_honest;
mod world;

use crate::Error;
use soroban_sdk::InvokeError;

/// The error code a call was refused with; 0 where the host trapped it (a signature, an authorisation).
pub fn refusal<T, E>(result: Result<Result<T, E>, Result<Error, InvokeError>>) -> u32 {
    match result {
        Ok(_) => panic!("the call was expected to be refused"),
        Err(Ok(error)) => error as u32,
        Err(Err(InvokeError::Contract(code))) => code,
        Err(Err(InvokeError::Abort)) => 0,
    }
}

/// What a call returned, or the code it was refused with, as [`refusal`] tells it.
pub fn outcome<T, E>(result: Result<Result<T, E>, Result<Error, InvokeError>>) -> Result<T, u32> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => panic!("the call returned what its type does not say"),
        refused => Err(refusal(refused)),
    }
}
