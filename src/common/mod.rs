//! What every stage may use: strict YAML reading, number words, safe text. Knows nothing of GPUs.

pub mod text;
pub mod yaml;
