//! Tests from outside the crate, through its public faces only; one binary.

mod store_contract;
