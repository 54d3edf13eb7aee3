//! What strangers do to the listening port, row by row of the catalogue of bad input (section A): each
//! test asserts, too, that another client is served meanwhile.

mod framing;
mod held;
mod http2;
mod keys;
mod places;
mod slow;
