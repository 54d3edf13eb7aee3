//! F3: the verbs. stub
pub mod io;
pub mod options;
