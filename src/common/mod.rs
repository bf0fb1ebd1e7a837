//! What every stage may use: strict YAML reading, schemas, number words, safe text. Knows nothing of GPUs.

pub mod schema;
pub mod text;
pub mod yaml;
