//! Strategic merge patch: as a merge patch, but lists with a merge key are merged item by item, and directives
//! say what a merge alone cannot.
//!
//! | directive | where | meaning |
//! | --- | --- | --- |
//! | `$patch: replace` | object, or item of a list | the patch is the new object or list |
//! | `$patch: delete` | object, or item of a list | the object becomes empty; the item goes |
//! | `$retainKeys` | object | all other fields of the object go first |
//! | `$deleteFromPrimitiveList/NAME` | beside a list of scalars | these values go |
//! | `$setElementOrder/NAME` | beside a list | the order of the result |
//!
//! Rule: apimachinery's `strategicpatch.StrategicMergePatch`.

use serde_json::{Map, Value};

use super::order::{arrange, identity, position};
use crate::node::{Id, Merge, Schema};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

type Object = Map<String, Value>;
type Result<T> = std::result::Result<T, String>;

impl Schema {
    /// Applies a strategic merge patch to an object of the schema's kind; on an error nothing has changed.
    pub fn strategic_merge(&self, target: &mut Value, patch: &Value) -> Result<()> {
        let (Value::Object(original), Value::Object(patch)) = (&*target, patch) else {
            return Err("a strategic merge patch is an object, and so is what it patches".to_owned());
        };
        let root = Some(Place {
            schema: self,
            id: self.root,
        });
        *target = Value::Object(merge_object(root, original.clone(), patch)?);
        Ok(())
    }
}

/// A place in the schema.
#[derive(Clone, Copy)]
struct Place<'a> {
    schema: &'a Schema,
    id: Id,
}

/// Where the schema ends there is no place: beyond, everything merges as in a merge patch.
type Known<'a> = Option<Place<'a>>;

fn field<'a>(place: Known<'a>, name: &str) -> Known<'a> {
    let Place { schema, id } = place?;
    let id = schema.node(id).child(name)?;
    Some(Place { schema, id })
}

fn items(place: Known<'_>) -> Known<'_> {
    let Place { schema, id } = place?;
    let id = schema.node(id).items?;
    Some(Place { schema, id })
}

/// How the value there is merged.
fn strategy(place: Known<'_>) -> &Merge {
    const PLAIN: &Merge = &Merge {
        list: false,
        replace: false,
        key: None,
        retain_keys: false,
    };
    place.map_or(PLAIN, |place| &place.schema.node(place.id).merge)
}

fn merge_object(place: Known<'_>, mut original: Object, patch: &Object) -> Result<Object> {
    match patch
        .get(PATCH)
        .map(|directive| directive.as_str().unwrap_or_default())
    {
        None | Some("merge") => {}
        Some("replace") => return Ok(without(patch, PATCH)),
        Some("delete") => return Ok(Object::new()),
        Some(other) => return Err(unknown_directive(other)),
    }
    retain_keys(&mut original, patch)?;
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(DELETE_FROM) {
            delete_from(&mut original, list, value)?;
        } else if !name.starts_with('$') {
            let merged = merge_field(field(place, name), original.get(name), name, patch)?;
            set(&mut original, name, merged);
        }
    }
    for (name, order) in patch {
        if let Some(list) = name
            .strip_prefix(SET_ORDER)
            .filter(|list| !patch.contains_key(*list))
        {
            reorder(field(place, list), &mut original, list, order)?;
        }
    }
    Ok(original)
}

fn set(object: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
}

/// The field `name` after the patch; `None` removes it.
fn merge_field(
    place: Known<'_>,
    original: Option<&Value>,
    name: &str,
    patch: &Object,
) -> Result<Option<Value>> {
    let strategy = strategy(place);
    let merged = match (original, patch.get(name)) {
        (_, None | Some(Value::Null)) => return Ok(None),
        (Some(Value::Object(original)), Some(Value::Object(patch))) if !strategy.replace => {
            merge_object(place, original.clone(), patch)?.into()
        }
        (Some(Value::Array(original)), Some(Value::Array(items))) if strategy.list => {
            let order = element_order(patch, name, items, strategy.key.as_deref())?;
            merge_list(
                place,
                original,
                items,
                order.unwrap_or(items),
                strategy.key.as_deref(),
            )?
            .into()
        }
        (_, Some(value)) => fresh(value),
    };
    Ok(Some(merged))
}

fn merge_list(
    place: Known<'_>,
    original: &[Value],
    patch: &[Value],
    order: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>> {
    let all = || original.iter().chain(patch);
    if all().all(|item| !item.is_object() && !item.is_array()) {
        let mut merged = original.to_vec();
        merged.extend(patch.iter().cloned());
        return Ok(arrange(without_repeats(merged), order, original, None));
    }
    if all().any(|item| !item.is_object()) {
        return Err("a merged list holds objects or scalars, not both, and no lists".to_owned());
    }
    let Some(key) = key else {
        return Err("cannot merge lists without merge key".to_owned());
    };
    let merged = merge_items(items(place), original, patch, key)?;
    Ok(arrange(merged, order, original, Some(key)))
}

fn without_repeats(list: Vec<Value>) -> Vec<Value> {
    list.into_iter().fold(Vec::new(), |mut kept, item| {
        if !kept.contains(&item) {
            kept.push(item);
        }
        kept
    })
}

/// Merges lists of objects, whose order is not yet right.
fn merge_items(place: Known<'_>, original: &[Value], patch: &[Value], key: &str) -> Result<Vec<Value>> {
    let mut merged = original.to_vec();
    if patch.iter().any(|item| directive(item) == Some("replace")) {
        merged.clear();
    }
    for item in patch {
        match directive(item) {
            Some("replace") => continue,
            None | Some("delete") => {}
            Some("merge") => return Err("merging lists cannot yet be specified in the patch".to_owned()),
            Some(other) => return Err(unknown_directive(other)),
        }
        if identity(item, Some(key)).is_none() {
            return Err(format!("map: {item} does not contain declared merge key: {key}"));
        }
        let found = position(&merged, item, Some(key));
        match (directive(item), found, item) {
            (Some(_), ..) => merged.retain(|other| identity(other, Some(key)) != identity(item, Some(key))),
            (None, Some(at), Value::Object(item)) => {
                let before = merged[at].as_object().cloned().unwrap_or_default();
                merged[at] = merge_object(place, before, item)?.into();
            }
            (None, ..) => merged.push(fresh(item)),
        }
    }
    Ok(merged)
}

/// The list of `$setElementOrder`, checked against the patch's own list: that must be in the same order.
fn element_order<'a>(
    patch: &'a Object,
    name: &str,
    items: &[Value],
    key: Option<&str>,
) -> Result<Option<&'a [Value]>> {
    let Some(order) = patch.get(&format!("{SET_ORDER}{name}")) else {
        return Ok(None);
    };
    let order = array(order, "$setElementOrder")?;
    let mut rest = order.iter();
    for item in items.iter().filter(|item| directive(item).is_none()) {
        if !rest.any(|other| identity(other, key) == identity(item, key)) {
            return Err(format!(
                "The order in patch list {name} doesn't match $setElementOrder list"
            ));
        }
    }
    Ok(Some(order))
}

/// Applies an order to a list that the patch leaves as it is.
fn reorder(place: Known<'_>, original: &mut Object, name: &str, order: &Value) -> Result<()> {
    let order = array(order, "$setElementOrder")?;
    if let Some(Value::Array(list)) = original.get(name) {
        let key = &strategy(place).key;
        let arranged = arrange(list.clone(), order, list, key.as_deref());
        original.insert(name.to_owned(), arranged.into());
    }
    Ok(())
}

fn retain_keys(original: &mut Object, patch: &Object) -> Result<()> {
    let Some(keys) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let keys = array(keys, RETAIN_KEYS)?;
    let kept = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    let stray = |(name, value): (&String, &Value)| !value.is_null() && !name.starts_with('$') && !kept(name);
    if patch.iter().any(stray) {
        return Err("the patch sets a field that its $retainKeys does not keep".to_owned());
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

fn delete_from(original: &mut Object, name: &str, values: &Value) -> Result<()> {
    let values = array(values, "$deleteFromPrimitiveList")?;
    if let Some(Value::Array(list)) = original.get_mut(name) {
        list.retain(|item| !values.contains(item));
    }
    Ok(())
}

fn array<'a>(value: &'a Value, directive: &str) -> Result<&'a [Value]> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| format!("invalid patch format of {directive} list"))
}

fn directive(item: &Value) -> Option<&str> {
    item.get(PATCH)
        .map(|directive| directive.as_str().unwrap_or_default())
}

fn without(object: &Object, name: &str) -> Object {
    let mut object = object.clone();
    object.remove(name);
    object
}

/// A value that nothing is merged with: directives and `null` have no meaning in it and go.
fn fresh(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(name, value)| !is_directive(name) && !value.is_null());
            kept.map(|(name, value)| (name.clone(), fresh(value)))
                .collect::<Object>()
                .into()
        }
        Value::Array(items) => items
            .iter()
            .filter(|item| directive(item).is_none())
            .map(fresh)
            .collect(),
        scalar => scalar.clone(),
    }
}

fn is_directive(name: &str) -> bool {
    name == PATCH || name == RETAIN_KEYS || name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER)
}

fn unknown_directive(directive: &str) -> String {
    format!("unknown patch type: {directive:?}")
}
