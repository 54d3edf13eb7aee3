//! Tests from outside: the real binary and real sockets, on loopback only.

mod command_line;
