//! What can be told of a statement by its text alone: its tokens, whether it looks like one that only reads, and the
//! names it binds. Shared by the check and by the sources; no grammar and no connection, the database has the last
//! word.

pub mod gate;
pub mod lex;
