//! tarpc over a stream: frames of bounded length, postcard inside.
//!
//! A frame is a big-endian length of four bytes and that many bytes. A length above [`MAX_FRAME_BYTES`] ends
//! the stream before anything is allocated; bytes that do not decode, or that leave some over, end the stream
//! too. Only the stream: the connection and everybody else's streams go on. Deadlines and cancellation are
//! tarpc's.

use crate::stream::PeerStream;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use tarpc::serde_transport::{self, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_serde::{Deserializer, Serializer};
use tokio_util::codec::LengthDelimitedCodec;

/// Bytes of the longest frame: 256 KiB.
pub const MAX_FRAME_BYTES: usize = 256 * 1024;

/// A stream that speaks tarpc: receives `In`, sends `Out`.
pub type RpcTransport<In, Out, Io = PeerStream> = Transport<Io, In, Out, Postcard<In, Out>>;

/// A client's transport for a service with these requests and responses.
pub type ClientTransport<Request, Response> =
    RpcTransport<tarpc::Response<Response>, tarpc::ClientMessage<Request>>;

/// A server's transport for a service with these requests and responses.
pub type ServerTransport<Request, Response> =
    RpcTransport<tarpc::ClientMessage<Request>, tarpc::Response<Response>>;

/// Puts tarpc's framing and postcard on a byte stream.
pub fn rpc_transport<In, Out, Io>(io: Io) -> RpcTransport<In, Out, Io>
where
    In: for<'de> Deserialize<'de>,
    Out: Serialize,
    Io: AsyncRead + AsyncWrite,
{
    let framed = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_framed(io);
    serde_transport::new(framed, Postcard::default())
}

/// Postcard as tarpc's codec.
#[derive(Debug)]
pub struct Postcard<In, Out>(PhantomData<fn(Out) -> In>);

impl<In, Out> Default for Postcard<In, Out> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<In, Out: Serialize> Serializer<Out> for Postcard<In, Out> {
    type Error = io::Error;

    fn serialize(self: Pin<&mut Self>, message: &Out) -> io::Result<Bytes> {
        postcard::to_stdvec(message).map(Bytes::from).map_err(invalid)
    }
}

impl<In: for<'de> Deserialize<'de>, Out> Deserializer<In> for Postcard<In, Out> {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> io::Result<In> {
        match postcard::take_from_bytes(frame).map_err(invalid)? {
            (message, []) => Ok(message),
            (_, rest) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} bytes are left over after the message", rest.len()),
            )),
        }
    }
}

fn invalid(error: postcard::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Codec = Postcard<(u32, String), (u32, String)>;

    #[test]
    fn what_is_sent_is_received() {
        let mut codec = Codec::default();
        let sent = (7, "hello".to_owned());
        let frame = Pin::new(&mut codec).serialize(&sent).unwrap();
        assert_eq!(Pin::new(&mut codec).deserialize(&BytesMut::from(&frame[..])).unwrap(), sent);
    }

    #[test]
    fn a_frame_that_ends_early_or_late_is_refused() {
        let mut codec = Codec::default();
        let frame = Pin::new(&mut codec).serialize(&(7, "hello".to_owned())).unwrap();
        let short = BytesMut::from(&frame[..frame.len() - 1]);
        assert!(Pin::new(&mut codec).deserialize(&short).is_err());
        let long = BytesMut::from(&[&frame[..], b"x"].concat()[..]);
        assert!(Pin::new(&mut codec).deserialize(&long).is_err());
    }

    #[test]
    fn a_length_that_lies_allocates_nothing() {
        // A byte string that claims 4 GiB.
        let lie = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, 0x0f][..]);
        let mut codec = Postcard::<Vec<u8>, ()>::default();
        assert!(Pin::new(&mut codec).deserialize(&lie).is_err());
    }
}
