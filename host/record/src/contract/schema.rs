//! The subset of JSON Schema that contracts use. This module finds violations, removes undeclared properties and looks
//! up the schema at a path.
//!
//! Every accepted keyword is enforced, and floats are not supported. Keywords have their JSON Schema 2020-12 meaning,
//! except that objects are closed: an undeclared property is a violation.

mod check;
pub(crate) mod decimal;
mod ecma;
mod pattern;
mod project;
pub(crate) mod set;
mod wanted;
mod well_formed;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use check::Violation;
pub use pattern::Pattern;
pub use well_formed::SchemaError;

/// The constraints on one value. Lengths are in Unicode characters and items; bounds are inclusive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    /// The type, which may be left out if `properties` are declared; see [`Schema::kind`].
    #[serde(
        rename = "type",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "one_type"
    )]
    pub declared: Option<Kind>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Schema>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub items: Option<Box<Schema>>,
    #[serde(
        rename = "enum",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub choices: Option<Vec<Value>>,
    #[serde(
        rename = "const",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub constant: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub pattern: Option<Pattern>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub min_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub max_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub minimum: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub maximum: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub min_items: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub max_items: Option<u64>,
    /// Whether the value is private, so that no record may contain it. Only a top-level parameter can be private; see
    /// [`crate::action::private`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Whether the value may be null, which is not the same as an absent value (format 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// How a decimal parameter is sent in a JSON body; without this keyword, it is sent as text (format 2).
    #[serde(
        rename = "as",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub sent_as: Option<SentAs>,
    /// Whether the order of an array's elements has no meaning; the state keeps the elements sorted (format 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unordered: bool,
    /// JSON pointer to the property that identifies an element of an array, such as `/value`. The state keeps the
    /// elements sorted by this property (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub key: Option<String>,
}

impl Schema {
    /// The schema of an object with these properties. Without properties, the schema accepts only `{}`, as for an
    /// action without parameters.
    pub fn object(
        required: impl IntoIterator<Item = String>,
        properties: BTreeMap<String, Schema>,
    ) -> Self {
        Self {
            declared: Some(Kind::Object),
            required: required.into_iter().collect(),
            properties,
            ..Self::default()
        }
    }

    /// The type of the values; `None` if the schema declares no type and is therefore not well formed.
    pub fn kind(&self) -> Option<Kind> {
        self.declared.or_else(|| (!self.properties.is_empty()).then_some(Kind::Object))
    }

    /// Checks that every keyword fits its type and has an effect; call this once, when a contract is loaded.
    ///
    /// # Errors
    ///
    /// Fails at the first keyword that does not fit its type or has no effect.
    pub fn well_formed(&self) -> Result<(), SchemaError> {
        well_formed::check(self)
    }

    /// All violations of this schema in `value`, in document order of the schema; empty if the value conforms.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        check::violations(self, value)
    }

    /// The first of the [`violations`](Self::violations). The rest of the value is not checked, so the memory does not
    /// grow with the number of violations.
    pub fn first_violation(&self, value: &Value) -> Option<Violation> {
        check::first(self, value, "")
    }

    /// The part of an upstream's response that is kept: declared properties only.
    ///
    /// A property that is null counts as absent unless it is `nullable`, because many upstreams send null for an absent
    /// property. A required property that is absent is not an error, see [`Schema::missing`].
    ///
    /// # Errors
    ///
    /// Fails for a value that violates the schema in any way other than a missing required property.
    pub fn project(&self, value: &Value) -> Result<Value, Violation> {
        project::project(self, value)
    }

    /// The RFC 6901 pointers of required properties that are missing in `value`, including those of nested values that
    /// are present.
    pub fn missing(&self, value: &Value) -> Vec<String> {
        project::missing(self, value)
    }

    /// The least and the greatest decimal that this schema of a decimal permits. Without bounds, these are the ends of
    /// the range of decimals.
    pub fn decimal_range(&self) -> (String, String) {
        decimal::range(self)
    }

    /// Whether this schema or one inside it is nullable.
    pub(crate) fn has_nullable(&self) -> bool {
        self.any(&|schema| schema.nullable)
    }

    /// Whether this schema is, or contains, an array whose order has no meaning.
    pub(crate) fn has_set(&self) -> bool {
        self.any(&Self::is_set)
    }

    /// Whether this schema or one inside it is a decimal.
    pub(crate) fn has_decimal(&self) -> bool {
        self.any(&|schema| schema.kind() == Some(Kind::Decimal))
    }

    /// Whether this schema or one inside it says how a decimal is sent.
    pub(crate) fn has_sent_as(&self) -> bool {
        self.any(&|schema| schema.sent_as.is_some())
    }

    /// Whether this schema or one inside it is private.
    pub(crate) fn has_private(&self) -> bool {
        self.any(&|schema| schema.private)
    }

    /// Whether the state contains values of this schema exactly as the upstream sent them: texts, integers, booleans
    /// and lists of these.
    pub(crate) fn is_plain(&self) -> bool {
        match self.kind() {
            Some(Kind::String | Kind::Integer | Kind::Boolean) => true,
            Some(Kind::Array) => self.inner().all(Self::is_plain),
            Some(Kind::Object | Kind::Decimal) | None => false,
        }
    }

    /// The schemas of members and elements.
    pub(crate) fn inner(&self) -> impl Iterator<Item = &Self> {
        self.properties.values().chain(self.items.as_deref())
    }

    /// Whether this is an array whose order has no meaning.
    pub(crate) fn is_set(&self) -> bool {
        self.unordered || self.key.is_some()
    }

    /// The property that tells the elements of an array apart.
    pub(crate) fn key_name(&self) -> Option<String> {
        let token = self.key.as_deref()?.strip_prefix('/')?;
        Some(token.replace("~1", "/").replace("~0", "~"))
    }

    fn any(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self) || self.inner().any(|inner| inner.any(is))
    }

    /// Whether [`Schema::project`] keeps a value at this JSON pointer.
    pub(crate) fn keeps(&self, pointer: &str) -> bool {
        let Some(rest) = pointer.strip_prefix('/') else { return true };
        let (token, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let name = token.replace("~1", "/").replace("~0", "~");
        let inner = self.items.as_deref().or_else(|| self.properties.get(&name));
        inner.is_some_and(|inner| inner.keeps(rest))
    }

    /// Does the same as [`Schema::project`] for an object with these properties, which need not belong to a schema.
    pub(crate) fn project_object(
        properties: &BTreeMap<String, Schema>,
        value: &Value,
    ) -> Result<Value, Violation> {
        project::project_object(properties, value)
    }

    /// Like [`Schema::missing`], for an object schema with these properties.
    pub(crate) fn missing_object(
        properties: &BTreeMap<String, Schema>,
        required: &[String],
        value: &Value,
    ) -> Vec<String> {
        project::missing_object(properties, required, value)
    }

    /// The schema of the property that `path` leads to, and whether every step of the path is required.
    pub fn at(&self, path: &[&str]) -> Option<(&Schema, bool)> {
        path.iter().try_fold((self, true), |(schema, required), step| {
            let inner = schema.properties.get(*step)?;
            Some((inner, required && schema.required.contains(*step)))
        })
    }
}

/// How a decimal parameter is sent in a JSON body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum SentAs {
    Number,
    Text,
}

/// The JSON types that a contract can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Object,
    Array,
    String,
    Integer,
    Boolean,
    /// An exact number with at most four fraction digits, kept as text (format 2).
    Decimal,
}

impl Kind {
    /// Whether a value is of this type.
    pub fn is_of(self, value: &Value) -> bool {
        check::fits(self, value)
    }

    /// The name of the type with its article, for error messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Boolean => "a boolean",
            Self::Decimal => "a decimal with at most 4 fraction digits",
        }
    }
}

/// Rejects a keyword with the value null, because a keyword that is written must have an effect.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads one type. JSON Schema also has the type `null` and lists of types, which have another form here.
fn one_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value == "null" || value.is_array() {
        let what = "`type` must be one type other than `null`; for a value that may be null, write its type and \
                    `nullable = true`, such as `{ type = \"string\", nullable = true }`";
        return Err(D::Error::custom(what));
    }
    serde_json::from_value(value).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests;
