//! What a connection speaks. Knows no engine and no Python.

pub(crate) mod answer_part;
pub(crate) mod both_ends;
pub(crate) mod http1;
pub(crate) mod refusal_words;
pub(crate) mod websocket;
