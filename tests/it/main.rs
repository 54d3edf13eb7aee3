//! Tests of the parts together, through their public faces.

mod support;
mod transport;
