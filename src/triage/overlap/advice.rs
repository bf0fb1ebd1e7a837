//! What to say about a kernel by its role, and which neighbours it depends on: data of `catalogs/advice.yaml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::common::yaml::{self, Spanned, YamlError};
use crate::triage::classify::Role;
use crate::triage::model::KernelRow;

/// A function speaks for a kernel from this part of its time on, in percent.
const NEARLY_ALL_PCT: f64 = 90.0;

const BUILTIN: (&str, &str) = ("catalogs/advice.yaml", include_str!("../../../catalogs/advice.yaml"));

/// What is known of one role.
#[derive(Debug)]
struct OfRole {
    reads: Vec<Role>,
    carries: bool,
    divisible: bool,
    headroom: String,
    serial: String,
}

/// What is known of the kernels that one function launches.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPlace {
    file: String,
    function: String,
    says: String,
}

/// The advice for every role.
#[derive(Debug)]
pub struct Advice {
    roles: BTreeMap<Role, OfRole>,
    places: Vec<OfPlace>,
    /// For what other streams hide already.
    pub hidden: String,
    /// For what could be moved, and of which nothing could be won so.
    pub alone: String,
    /// For what must be waited for, could be cut up, and is too short for that.
    pub short: String,
    /// Put behind the advice of a collective, part of whose time alone is waiting for other ranks.
    pub waits: String,
    /// For a collective of which waiting is all that overlap could touch.
    pub waits_only: String,
    /// Put before the advice where the dependency is not settled.
    pub unclear: String,
}

impl Advice {
    /// The catalog that is compiled in.
    pub fn builtin() -> Result<&'static Self, &'static YamlError> {
        static BUILT: LazyLock<Result<Advice, YamlError>> = LazyLock::new(|| {
            let (path, text) = BUILTIN;
            Advice::from_yaml(text, Path::new(path))
        });
        BUILT.as_ref()
    }

    /// Exactly this text; `path` labels errors.
    pub fn from_yaml(text: &str, path: &Path) -> Result<Self, YamlError> {
        let file: FileYaml = yaml::from_str(text, path)?;
        if file.schema.value != 1 {
            return Err(YamlError::at(path, &file.schema, "unknown catalog schema")
                .with_help("this version of profgate reads `schema: 1`"));
        }
        let mut roles = BTreeMap::new();
        for one in file.roles {
            let of = OfRole {
                reads: one.reads,
                carries: one.carries,
                divisible: one.divisible,
                headroom: one.headroom,
                serial: one.serial,
            };
            if roles.insert(one.role.value, of).is_some() {
                let message = format!("role `{}` stands twice", one.role.value);
                return Err(YamlError::at(path, &one.role, message).with_help("keep one of the two"));
            }
        }
        if let Some(role) = Role::ALL.iter().find(|role| !roles.contains_key(role)) {
            let message = format!("role `{role}` has no advice");
            return Err(YamlError::at(path, &file.schema, message).with_help("add it under `roles`"));
        }
        Ok(Self {
            roles,
            places: file.places,
            hidden: file.hidden,
            alone: file.alone,
            short: file.short,
            waits: file.waits,
            waits_only: file.waits_only,
            unclear: file.unclear,
        })
    }

    /// Whether a kernel of role `after` usually works on the result of one of role `before` that stands
    /// directly before it.
    pub fn is_read_by(&self, before: Role, after: Role) -> bool {
        self.roles.get(&after).is_some_and(|of| of.reads.contains(&before))
    }

    /// Whether kernels of this role do the arithmetic that others can be hidden under.
    pub fn carries(&self, role: Role) -> bool {
        self.roles.get(&role).is_some_and(|of| of.carries)
    }

    /// Whether kernels of this role can be cut up, so that other work runs beside them although it depends.
    pub fn is_divisible(&self, role: Role) -> bool {
        self.roles.get(&role).is_some_and(|of| of.divisible)
    }

    /// What to say of a kernel that nearly always one function of the catalog launches, whatever its role.
    pub(super) fn of_place(&self, kernel: &KernelRow) -> Option<&str> {
        let site = kernel.sites.first().filter(|site| site.share_pct >= NEARLY_ALL_PCT)?;
        let is_at = |place: &&OfPlace| {
            site.path == place.file && site.function.as_deref() == Some(place.function.as_str())
        };
        self.places.iter().find(is_at).map(|place| place.says.as_str())
    }

    /// What to do about an exposed kernel on which its neighbours do not depend.
    pub fn headroom(&self, role: Role) -> &str {
        self.roles.get(&role).map_or("", |of| &of.headroom)
    }

    /// What to do about one on which they do.
    pub fn serial(&self, role: Role) -> &str {
        self.roles.get(&role).map_or("", |of| &of.serial)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileYaml {
    schema: Spanned<u32>,
    hidden: String,
    alone: String,
    short: String,
    waits: String,
    waits_only: String,
    unclear: String,
    places: Vec<OfPlace>,
    roles: Vec<RoleYaml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RoleYaml {
    role: Spanned<Role>,
    reads: Vec<Role>,
    #[serde(default)]
    carries: bool,
    #[serde(default)]
    divisible: bool,
    headroom: String,
    serial: String,
}
