//! Number fields: finds the one field that a name or an id means and adds up what issues hold in it. A custom field
//! that is misspelt, not requested or not visible is simply absent from an issue, so absence everywhere is a fault and
//! never 0. Knows no HTTP and no deployment.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::fault::{Fault, FaultClass};

/// One entry of `GET /rest/api/{2,3}/field`, cut to what is needed here.
#[derive(Debug, Deserialize)]
pub struct Field {
    id: String,
    #[serde(default)]
    key: Option<String>,
    name: String,
    #[serde(default, rename = "clauseNames")]
    clause_names: Vec<String>,
    #[serde(default)]
    schema: Option<Schema>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    #[serde(rename = "type")]
    kind: String,
}

impl Field {
    fn kind(&self) -> &str {
        self.schema.as_ref().map_or("none", |s| s.kind.as_str())
    }

    fn has_id(&self, wanted: &str) -> bool {
        self.id == wanted
            || self.key.as_deref() == Some(wanted)
            || (wanted.starts_with("cf[") && self.clause_names.iter().any(|c| c == wanted))
    }
}

/// The id of the number field that `wanted` means: an id, a JQL `cf[…]`, or a name, which must be unique whatever its
/// case.
///
/// # Errors
/// [`FaultClass::Config`] when no field is meant, more than one is, or the one is not a number.
pub fn resolve<'a>(fields: &'a [Field], wanted: &str) -> Result<&'a str, Fault> {
    let wanted = wanted.trim();
    let by_id = fields.iter().find(|f| f.has_id(wanted));
    let field = match by_id {
        Some(field) => field,
        None => by_name(fields, wanted)?,
    };
    if field.kind() != "number" {
        return Err(Fault::new(
            FaultClass::Config,
            format!(
                "field `{wanted}` ({}) is of type {}, expected number",
                field.id,
                field.kind()
            ),
        )
        .help("sum and avg take number fields only"));
    }
    Ok(&field.id)
}

fn by_name<'a>(fields: &'a [Field], wanted: &str) -> Result<&'a Field, Fault> {
    let folded = wanted.to_lowercase();
    let named: Vec<&Field> = fields
        .iter()
        .filter(|f| f.name.trim().to_lowercase() == folded)
        .collect();
    match named.as_slice() {
        [field] => Ok(field),
        [] => Err(Fault::new(
            FaultClass::Config,
            format!("this account sees no field `{wanted}` in Jira"),
        )
        .help(nearest(fields, &folded))),
        several => {
            let ids: Vec<&str> = several.iter().map(|f| f.id.as_str()).collect();
            Err(Fault::new(
                FaultClass::Config,
                format!(
                    "{} fields are named `{wanted}`: {}",
                    several.len(),
                    ids.join(", ")
                ),
            )
            .help("name the field by its id"))
        }
    }
}

fn nearest(fields: &[Field], folded: &str) -> String {
    let closest = fields
        .iter()
        .filter(|f| f.kind() == "number")
        .map(|f| (strsim::jaro_winkler(&f.name.to_lowercase(), folded), f))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match closest {
        Some((_, field)) => format!("did you mean `{}` ({})", field.name, field.id),
        None => "name a number field by its name or id, such as customfield_10016".into(),
    }
}

/// The values of one number field over issues, added up one by one.
#[derive(Debug, Default)]
pub struct Tally {
    issues: usize,
    carrying: usize,
    filled: usize,
    sum: f64,
    lost: f64,
}

impl Tally {
    /// Takes in one issue: its `fields` as answered, if it had any.
    ///
    /// # Errors
    /// [`FaultClass::BadValue`] when the field holds anything but a number or null.
    pub fn add(&mut self, field: &str, fields: Option<&Map<String, Value>>) -> Result<(), Fault> {
        self.issues += 1;
        let Some(value) = fields.and_then(|f| f.get(field)) else {
            return Ok(());
        };
        self.carrying += 1;
        let number = match value {
            Value::Null => return Ok(()),
            Value::Number(number) => number.as_f64().filter(|n| n.is_finite()),
            _ => None,
        };
        let number = number.ok_or_else(|| {
            Fault::new(
                FaultClass::BadValue,
                format!(
                    "field {field} of an issue holds {}, expected a number",
                    kind_of(value)
                ),
            )
        })?;
        self.filled += 1;
        self.plus(number);
        Ok(())
    }

    /// Neumaier's compensated sum: 0.1 ten times is 1.
    fn plus(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - sum) + number
        } else {
            (number - sum) + self.sum
        };
        self.sum = sum;
    }

    /// How many issues were taken in.
    #[must_use]
    pub fn issues(&self) -> usize {
        self.issues
    }

    /// What people should know beside sum and mean: that some issues lack the field, because it is hidden from the
    /// account or not used in their projects. An empty field is nothing to tell.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let lacking = self.issues - self.carrying;
        let (all, filled) = (self.issues, self.filled);
        let (have, carry) = (
            if filled == 1 { "has" } else { "have" },
            if lacking == 1 { "does" } else { "do" },
        );
        (lacking > 0).then(|| {
            format!(
                "{filled} of {all} issues {have} a value, {lacking} {carry} not carry the field"
            )
        })
    }

    /// The sum over the issues that have a value; 0 over no issues.
    ///
    /// # Errors
    /// [`FaultClass::BadValue`] when there are issues and none of them carries the field at all, or when the sum is no
    /// number any more.
    pub fn sum(&self, field: &str) -> Result<f64, Fault> {
        if self.issues > 0 && self.carrying == 0 {
            return Err(Fault::new(
                FaultClass::BadValue,
                format!("none of {} issues carries field {field}", self.issues),
            )
            .help("the field is hidden from this account or not used in these projects"));
        }
        let sum = self.sum + self.lost;
        if !sum.is_finite() {
            return Err(Fault::new(
                FaultClass::BadValue,
                format!(
                    "the sum of field {field} over {} issues overflows: it is larger than any number that can be kept",
                    self.issues
                ),
            ));
        }
        Ok(sum)
    }

    /// The mean over the issues that have a value.
    ///
    /// # Errors
    /// [`FaultClass::BadValue`] when none has.
    pub fn mean(&self, field: &str) -> Result<f64, Fault> {
        let sum = self.sum(field)?;
        if self.filled == 0 {
            return Err(Fault::new(
                FaultClass::BadValue,
                format!(
                    "none of {} issues has a value in field {field}: no mean",
                    self.issues
                ),
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "at most ten thousand issues")]
        Ok(sum / self.filled as f64)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number out of range",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> Vec<Field> {
        serde_json::from_value(json!([
            {"id":"customfield_10016","key":"customfield_10016","name":"Story point estimate","custom":true,
             "clauseNames":["cf[10016]","Story point estimate"],
             "schema":{"type":"number","custom":"com.pyxis.greenhopper.jira:jsw-story-points","customId":10016}},
            {"id":"customfield_10026","name":"Story Points","clauseNames":["cf[10026]"],"schema":{"type":"number"}},
            {"id":"customfield_10031","name":"Effort","schema":{"type":"number"}},
            {"id":"customfield_10032","name":"effort ","schema":{"type":"number"}},
            {"id":"summary","name":"Summary","schema":{"type":"string","system":"summary"}},
            {"id":"issuekey","name":"Key"},
        ]))
        .unwrap()
    }

    #[test]
    fn a_field_is_found_by_id_clause_or_unique_name() {
        let fields = fields();
        for (wanted, id) in [
            ("customfield_10016", "customfield_10016"),
            ("cf[10026]", "customfield_10026"),
            ("story points", "customfield_10026"),
            (" STORY POINT ESTIMATE", "customfield_10016"),
        ] {
            assert_eq!(resolve(&fields, wanted).unwrap(), id);
        }
    }

    #[test]
    fn an_ambiguous_unknown_or_wordy_field_is_a_config_fault() {
        let fields = fields();
        let said = |wanted: &str| {
            let fault = resolve(&fields, wanted).unwrap_err();
            assert_eq!(fault.class, FaultClass::Config);
            fault.to_string()
        };
        let two = said("Effort");
        assert!(
            two.contains("customfield_10031, customfield_10032"),
            "{two}"
        );
        let typo = said("Story Pionts");
        assert!(
            typo.contains("did you mean `Story Points` (customfield_10026)"),
            "{typo}"
        );
        assert!(said("customfield_99999").contains("sees no field"));
        assert!(said("Summary").contains("of type string, expected number"));
        assert!(said("Key").contains("of type none"));
    }

    fn tally(values: &[Value]) -> Result<Tally, Fault> {
        let mut tally = Tally::default();
        for value in values {
            tally.add("f", value.as_object())?;
        }
        Ok(tally)
    }

    #[test]
    fn nulls_and_gaps_are_passed_over_but_never_alone() {
        let some = tally(&[
            json!({"f":5.0}),
            json!({"f":null}),
            json!({}),
            json!({"f":2}),
        ])
        .unwrap();
        assert_eq!(
            (some.sum("f").unwrap(), some.mean("f").unwrap()),
            (7.0, 3.5)
        );
        let empty = tally(&[json!({"f":null}), json!({"f":null})]).unwrap();
        assert_eq!(empty.sum("f").unwrap(), 0.0);
        assert!(empty.mean("f").unwrap_err().message.contains("no mean"));
        let hidden = tally(&[json!({}), json!({"g":1}), Value::Null]).unwrap();
        assert_eq!(hidden.sum("f").unwrap_err().class, FaultClass::BadValue);
        assert_eq!(hidden.mean("f").unwrap_err().class, FaultClass::BadValue);
        let none = tally(&[]).unwrap();
        assert_eq!(none.sum("f").unwrap(), 0.0);
        assert!(none.mean("f").is_err());
    }

    #[test]
    fn f23_issues_that_lack_the_field_are_told() {
        let note = |values: &[Value]| tally(values).unwrap().note();
        let (five, empty, lacking) = (json!({"f":5}), json!({"f":null}), json!({}));
        assert_eq!(note(&[five.clone(), empty.clone()]), None);
        assert_eq!(note(&[]), None);
        let mixed = [five.clone(), empty, lacking.clone(), five, lacking];
        assert_eq!(
            note(&mixed).unwrap(),
            "2 of 5 issues have a value, 2 do not carry the field"
        );
    }

    #[test]
    fn f25_a_sum_that_overflows_says_so() {
        for values in [vec![json!({"f":1e308}); 2], vec![json!({"f":1e308}); 250]] {
            let fault = tally(&values).unwrap().sum("f").unwrap_err();
            assert_eq!(fault.class, FaultClass::BadValue);
            assert!(fault.message.contains("overflows"), "{fault}");
        }
        assert!(
            tally(&[json!({"f":1e308}), json!({"f":-1e308})])
                .unwrap()
                .sum("f")
                .is_ok()
        );
    }

    #[test]
    fn f27_f28_anything_but_a_number_is_refused() {
        for value in [
            json!("5"),
            json!(""),
            json!(true),
            json!([5]),
            json!({"v":5}),
        ] {
            let fault = tally(&[json!({ "f": value })]).unwrap_err();
            assert_eq!(fault.class, FaultClass::BadValue);
        }
    }

    #[test]
    fn decimals_add_up_without_drift() {
        let tenths = vec![json!({"f":0.1}); 1000];
        assert_eq!(tally(&tenths).unwrap().sum("f").unwrap(), 100.0);
    }
}
