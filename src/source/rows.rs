//! Answers that are no JSON, as the JSON document that pointers and filters read: rows of CSV as a list of objects by the
//! names of the first row, every value a text; plain text as one text. Knows no HTTP.

use serde_json::{Map, Value};

use crate::config::spec::Format;
use crate::domain::fault::{Fault, FaultClass};

/// How many times larger than the answer may be the document made of it may get: names repeat in each row.
const GROWTH: usize = 4;

/// The document; `None` when the answer is JSON already. `most` is the largest answer in bytes.
///
/// # Errors
/// `bad_body` for what is no UTF-8, no table with one name for each column, or a table with rows of other lengths;
/// `too_large` when the names of its columns make too much of it.
pub fn to_json(body: &[u8], format: Format, most: usize) -> Result<Option<Vec<u8>>, Fault> {
    let text = |body| {
        let text = std::str::from_utf8(body);
        text.map_err(|_| bad("found bytes that are no UTF-8".to_owned()))
    };
    let document = match format {
        Format::Json => return Ok(None),
        Format::Text => Value::from(text(without_mark(body))?.trim())
            .to_string()
            .into_bytes(),
        Format::Csv { separator } => {
            let separator = u8::try_from(separator).unwrap_or(b',');
            table(
                text(without_mark(body))?,
                separator,
                most.saturating_mul(GROWTH),
            )?
        }
    };
    Ok(Some(document))
}

/// Spreadsheets put a byte order mark before their tables.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn table(text: &str, separator: u8, most: usize) -> Result<Vec<u8>, Fault> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let broken = |error: &csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        bad(format!(
            "found no table of rows alike: line {line} breaks it"
        ))
        .help("check the separator, and that each row has as many columns as the first")
    };
    let names = reader.headers().map_err(|e| broken(&e))?.clone();
    if let Some(twice) = (names.iter().enumerate())
        .find(|(at, name)| names.iter().take(*at).any(|before| before == *name))
    {
        let why = format!("found the column `{}` twice", twice.1.escape_debug());
        return Err(bad(why).help("nobody can tell which of them is meant"));
    }
    let mut document = b"[".to_vec();
    for row in reader.records() {
        let row = row.map_err(|e| broken(&e))?;
        let cells = names.iter().zip(row.iter());
        let cells = cells.map(|(name, cell)| (name.to_owned(), Value::from(cell)));
        if document.len() > 1 {
            document.push(b',');
        }
        let row = Value::Object(cells.collect::<Map<_, _>>());
        document.extend_from_slice(row.to_string().as_bytes());
        if document.len() > most {
            let why = format!("the table is larger than {most} bytes with its names in each row");
            return Err(Fault::new(FaultClass::TooLarge, why));
        }
    }
    document.push(b']');
    Ok(document)
}

fn bad(why: String) -> Fault {
    Fault::new(FaultClass::BadBody, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &str, format: Format) -> Result<String, FaultClass> {
        let document = to_json(body.as_bytes(), format, 1000);
        let document = document.map_err(|fault| fault.class)?.unwrap();
        Ok(String::from_utf8(document).unwrap())
    }

    #[test]
    fn tables_become_lists_of_objects() {
        let commas = Format::Csv { separator: ',' };
        let semicolons = Format::Csv { separator: ';' };
        for (body, format, document) in [
            (
                "a,b\n1,x\n2,\"y\nz\"\n",
                commas,
                r#"[{"a":"1","b":"x"},{"a":"2","b":"y\nz"}]"#,
            ),
            (
                "\u{feff}a;b\r\n1; 2\r\n",
                semicolons,
                r#"[{"a":"1","b":"2"}]"#,
            ),
            ("a,b\n", commas, "[]"),
            ("", commas, "[]"),
            (
                "a\tb\n1\t\n",
                Format::Csv { separator: '\t' },
                r#"[{"a":"1","b":""}]"#,
            ),
            (" 42 subscribers\n", Format::Text, r#""42 subscribers""#),
        ] {
            assert_eq!(json(body, format).unwrap(), document);
        }
        for body in ["a,b\n1\n", "a,b\n1,2,3\n", "a,a\n1,2\n"] {
            assert_eq!(json(body, commas), Err(FaultClass::BadBody), "{body}");
        }
        let wide = format!("{}\n{}", "n".repeat(500), "1\n".repeat(100));
        assert_eq!(json(&wide, commas), Err(FaultClass::TooLarge));
        assert!(to_json(b"\xff", Format::Text, 9).is_err());
    }
}
