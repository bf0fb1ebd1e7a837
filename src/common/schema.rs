//! JSON Schemas of what profgate writes and reads, made from the types themselves.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};

/// The schema of a document that profgate writes. Keys that are always there are required; a reader must expect
/// further ones.
pub fn of_output<T: JsonSchema>(name: &str, title: &str) -> Schema {
    build::<T>(SchemaSettings::draft2020_12().for_serialize(), name, title)
}

/// The schema of a file that people write. Keys with a default may be left out; others than these are refused.
pub fn of_input<T: JsonSchema>(name: &str, title: &str) -> Schema {
    build::<T>(SchemaSettings::draft2020_12(), name, title)
}

fn build<T: JsonSchema>(settings: SchemaSettings, name: &str, title: &str) -> Schema {
    let settings = settings.with_transform(RecursiveTransform(without_number_format));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("urn:profgate:schema:1:{name}").into());
    schema.insert("title".to_owned(), title.into());
    schema
}

/// Removes formats such as `uint64`, which the standard does not have and strict readers refuse.
fn without_number_format(schema: &mut Schema) {
    let is_number = schema.get("format").and_then(|format| format.as_str()).is_some_and(|format| {
        ["uint", "int", "float", "double"].iter().any(|start| format.starts_with(start))
    });
    if is_number {
        schema.remove("format");
    }
}
