//! Finds what an argument of a tool must fit.

use serde_json::Value;

/// The schema of the argument at this pointer; `None` if the tool has no such argument, or if the pointer leads to all
/// arguments.
pub fn expected<'s>(arguments: &'s Value, pointer: &str) -> Option<&'s Value> {
    let path = pointer.strip_prefix('/')?;
    path.split('/').try_fold(arguments, |schema, token| {
        let name = token.replace("~1", "/").replace("~0", "~");
        let member = schema.get("properties").and_then(|properties| properties.get(&name));
        member.or_else(|| schema.get("items"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_leads_to_the_schema_of_its_argument() {
        let sources =
            json!({"type": "array", "items": {"properties": {"uri": {"type": "string"}}}});
        let schema = json!({"properties": {"sources": sources, "a/b": {"type": "integer"}}});
        assert_eq!(expected(&schema, "/sources"), Some(&sources));
        assert_eq!(expected(&schema, "/sources/0/uri"), Some(&json!({"type": "string"})));
        assert_eq!(expected(&schema, "/a~1b"), Some(&json!({"type": "integer"})));
        for pointer in ["", "/other", "/sources/0/title", "/a~1b/c"] {
            assert_eq!(expected(&schema, pointer), None, "{pointer}");
        }
    }
}
