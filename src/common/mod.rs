//! What every stage may use: strict YAML reading, schemas, levels, number words, safe text, days. Knows nothing of GPUs.

pub mod date;
pub mod level;
pub mod link;
pub mod schema;
pub mod text;
pub mod yaml;
