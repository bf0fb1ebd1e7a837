//! GitHub's published description of the calls that `profgate comment` makes: holds requests and answers to it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::{Map, Value};

/// The description; see `tests/openapi/README.md`.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    /// Compiled schemas by their text: to compile one takes longer than a test.
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One call of the description.
pub struct Operation<'a> {
    contract: &'a Contract,
    described: &'a Value,
    name: String,
}

impl Contract {
    /// The description, read once for all tests.
    pub fn github() -> &'static Self {
        static GITHUB: OnceLock<Contract> = OnceLock::new();
        GITHUB.get_or_init(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/github.json");
            let text = std::fs::read_to_string(path).unwrap();
            Self { document: serde_json::from_str(&text).unwrap(), compiled: Mutex::default() }
        })
    }

    /// The call of a request; a path without parameters wins over one with.
    pub fn operation(&self, method: &str, path: &str) -> Result<Operation<'_>, String> {
        let paths = self.document["paths"].as_object().unwrap();
        let mut fitting: Vec<&String> = paths.keys().filter(|template| fits(template, path)).collect();
        fitting.sort_by_key(|template| template.matches('{').count());
        let Some(template) = fitting.first() else { return Err(format!("GitHub has no {path}")) };
        match paths[*template].get(method.to_lowercase()) {
            Some(described) => {
                Ok(Operation { contract: self, described, name: format!("{method} {template}") })
            }
            None => Err(format!("GitHub has no {method} of {template}")),
        }
    }

    /// What is wrong with a value, by a schema of the description.
    fn wrong(&self, schema: &Value, value: &Value) -> Option<String> {
        let mut compiled = self.compiled.lock().unwrap();
        let validator = compiled.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = schema.as_object().cloned().unwrap_or_else(Map::new);
            // References are to the description's own schemas.
            whole.insert("schemas".to_owned(), self.document["schemas"].clone());
            Arc::new(jsonschema::draft202012::new(&Value::Object(whole)).unwrap())
        });
        let validator = Arc::clone(validator);
        drop(compiled);
        validator.iter_errors(value).next().map(|error| format!("{}: {error}", error.instance_path()))
    }
}

impl Operation<'_> {
    /// What is wrong with a request.
    pub fn wrong_request(&self, query: &str, body: &Value) -> Option<String> {
        let parameters = self.described["parameters"].as_array().unwrap();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, text) = part.split_once('=').unwrap_or((part, ""));
            let known = parameters.iter().find(|one| one["in"] == "query" && one["name"] == name);
            let Some(parameter) = known else {
                return Some(format!("{}: there is no parameter `{name}`", self.name));
            };
            let value = text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
            if let Some(wrong) = self.contract.wrong(&parameter["schema"], &value) {
                return Some(format!("{}: `{name}`{wrong}", self.name));
            }
        }
        match self.described.get("body") {
            Some(schema) => {
                self.contract.wrong(schema, body).map(|wrong| format!("{}: body{wrong}", self.name))
            }
            None if body.is_null() => None,
            None => Some(format!("{}: takes no body", self.name)),
        }
    }

    /// What is wrong with an answer.
    pub fn wrong_answer(&self, status: u16, body: &Value) -> Option<String> {
        let Some(answer) = self.described["answers"].get(status.to_string()) else {
            // Any call may be refused for want of a token, and limits are described once for all of them.
            let is_common = matches!(status, 401 | 403 | 404 | 429);
            return (!is_common).then(|| format!("{}: never answers {status}", self.name));
        };
        let wrong = self.contract.wrong(answer.get("schema")?, body)?;
        Some(format!("{}: answer {status}{wrong}", self.name))
    }

    /// GitHub's own example of an answer, with other values in places.
    pub fn example(&self, status: u16, with: &Value) -> Value {
        let mut example = self.described["answers"][status.to_string()]["example"].clone();
        overlay(&mut example, with);
        example
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

/// Puts values over those of the same keys; of a list, over its first element.
fn overlay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                overlay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(under), over @ Value::Object(_)) if !under.is_empty() => overlay(&mut under[0], over),
        (under, over) => *under = over.clone(),
    }
}
