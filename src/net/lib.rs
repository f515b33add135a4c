//! libp2p swarm, Kademlia host records, RPC streams and the bulk lane.
