//! The words nodes exchange: services, messages, lane frames, limits.
