//! RocksDB records and slot files behind the ports.
