//! F9: the commands.
