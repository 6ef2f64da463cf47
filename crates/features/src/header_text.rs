//! The text of a .npy header: a Python dict with the type of the values, their order and the shape.
//!
//! This is the only parser of headers. npyz uses a general parser of Python literals: it recurses with the nesting, so a
//! hostile header overflows the stack, and its time doubles with each level. A check before it would walk the same text,
//! and the two could disagree on what the text says. A header needs no general parser. This one splits the dict into keys
//! and values without recursion, and looks at the three that matter. npyz parses the type's string, `<f4`.

use npyz::TypeStr;

/// Characters of a damaged header that an error shows.
const SHOWN: usize = 60;

/// What a header's text states.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeaderText {
    /// Type and byte order of a value.
    pub(crate) descr: Descr,
    /// Whether the first index varies fastest.
    pub(crate) fortran_order: bool,
    /// All dimensions.
    pub(crate) shape: Vec<u64>,
}

/// The type of a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Descr {
    /// A plain type.
    Plain(TypeStr),
    /// A structured type, as it is written.
    Structured(String),
}

impl HeaderText {
    /// Reads a header's text. `python_2` allows the L that Python 2 wrote after long integers: `(1000L, 512L, 4L, 4L)`.
    ///
    /// The keys may come in any order, and other keys are ignored.
    ///
    /// # Errors
    /// What was expected and what was found, as text.
    pub(crate) fn parse(text: &str, python_2: bool) -> Result<Self, String> {
        let entries = entries(text)?;
        let get = |key: &str| {
            let found = entries.iter().rfind(|(name, _)| string(name) == Some(key));
            found.map(|(_, value)| *value).ok_or_else(|| format!("expected the key {key:?}, found none"))
        };
        Ok(Self {
            descr: descr(get("descr")?)?,
            fortran_order: match get("fortran_order")? {
                "True" => true,
                "False" => false,
                other => {
                    return Err(format!(
                        "expected a bool (True or False) for fortran_order, found {}",
                        shown(other)
                    ));
                }
            },
            shape: shape(get("shape")?, python_2)?,
        })
    }
}

/// The dict's keys and values as they are written.
fn entries(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let not_a_dict = || format!("expected a dict in braces, found {}", shown(text));
    let inside = text.trim_ascii().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    items(inside.ok_or_else(not_a_dict)?)?.into_iter().map(entry).collect()
}

fn entry(part: &str) -> Result<(&str, &str), String> {
    match *split(part, ':')? {
        [key, value] => Ok((key, value)),
        _ => Err(format!("expected a key and a value, found {}", shown(part))),
    }
}

/// The parts of a text between commas. The last one may be followed by a comma too.
fn items(text: &str) -> Result<Vec<&str>, String> {
    let mut parts = split(text, ',')?;
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    Ok(parts)
}

/// The parts of a text between separators that are neither in brackets nor in strings, trimmed.
fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (at, found) in text.char_indices() {
        match (quote, found) {
            (Some(_), '\\') => return Err("expected plain strings, found a backslash".to_owned()),
            (Some(open), _) if found == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(found),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth =
                    depth.checked_sub(1).ok_or("expected balanced brackets, found one closed too many")?;
            }
            (None, _) if found == separator && depth == 0 => {
                parts.push(text[start..at].trim_ascii());
                start = at + found.len_utf8();
            }
            (None, _) => {}
        }
    }
    if quote.is_some() || depth > 0 {
        let missing = if quote.is_some() { "quote" } else { "bracket" };
        return Err(format!("expected a closing {missing}, found the end"));
    }
    parts.push(text[start..].trim_ascii());
    Ok(parts)
}

/// The text between the quotes of a string.
fn string(value: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
}

/// The type: a string, or the list of a structured one.
fn descr(value: &str) -> Result<Descr, String> {
    if let Some(plain) = string(value) {
        return plain.parse().map(Descr::Plain).map_err(|cause| format!("type {}: {cause}", shown(value)));
    }
    if value.starts_with('[') {
        return Ok(Descr::Structured(shown(value)));
    }
    Err(format!("expected a string or a list for descr, found {}", shown(value)))
}

/// The dimensions: whole numbers in round or square brackets.
fn shape(value: &str, python_2: bool) -> Result<Vec<u64>, String> {
    let inside = [('(', ')'), ('[', ']')]
        .into_iter()
        .find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close))
        .ok_or_else(|| format!("expected a tuple for shape, found {}", shown(value)))?;
    let dimension = |text: &str| {
        let digits = if python_2 { text.strip_suffix('L').unwrap_or(text) } else { text };
        // parse() takes a plus too, which no writer puts there.
        let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.ok_or_else(|| format!("expected dimensions from 0 to {}, found {}", u64::MAX, shown(text)))
    };
    items(inside)?.into_iter().map(dimension).collect()
}

/// The beginning of a text on one line, for an error.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN).collect();
    let rest = if start.len() < text.len() { "..." } else { "" };
    start.replace(char::is_control, "?") + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> HeaderText {
        HeaderText::parse(text, true).expect(text)
    }

    fn refused(text: &str, why: &str) {
        let found = HeaderText::parse(text, true).expect_err(text);
        assert!(found.contains(why), "{text}: {found}");
        assert!(found.len() < 300, "{found}");
    }

    fn shape_of(shape: &str) -> Vec<u64> {
        parsed(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}")).shape
    }

    fn shape_refused(shape: &str, why: &str) {
        refused(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"), why);
    }

    #[test]
    fn headers_that_numpy_writes_are_read() {
        let plain = |descr: &str| Descr::Plain(descr.parse().unwrap());
        for (text, descr, fortran_order, shape) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 512, 4, 4), }     \n",
                plain("<f4"),
                false,
                &[2, 512, 4, 4][..],
            ),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (), }", plain("|O"), false, &[]),
            ("{\"shape\":[3 ,4],\"fortran_order\":True,\"descr\":\">f8\"}", plain(">f8"), true, &[3, 4]),
            (
                "{'descr': [('a', '<f4', (2, 3)), ('b', [('}', '>i2')])], 'fortran_order': True, 'shape': (0,), }",
                Descr::Structured("[('a', '<f4', (2, 3)), ('b', [('}', '>i2')])]".to_owned()),
                true,
                &[0],
            ),
        ] {
            assert_eq!(parsed(text), HeaderText { descr, fortran_order, shape: shape.to_vec() });
        }
    }

    /// npyz is an independent reader of the format.
    #[test]
    fn npyz_reads_the_same_from_the_headers_that_numpy_writes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/npy/headers.json");
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in cases.as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let parsed = parsed(text);
            // npyz multiplies the dimensions.
            if parsed.shape.iter().try_fold(1_u64, |product, &n| product.checked_mul(n)).is_none() {
                continue;
            }
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.as_bytes());
            let theirs = npyz::NpyHeader::from_reader(bytes.as_slice()).unwrap();
            assert_eq!(parsed.shape, theirs.shape());
            let Descr::Plain(ours) = parsed.descr else { panic!("{text}") };
            assert_eq!(npyz::DType::Plain(ours), theirs.dtype());
            assert_eq!(parsed.fortran_order, theirs.order() == npyz::Order::Fortran);
        }
    }

    #[test]
    fn long_integers_of_python_2_are_read_where_they_can_be() {
        assert_eq!(shape_of("(1000L, 512L, 4,)"), [1000, 512, 4]);
        for shape in ["(1000l,)", "(1000LL,)", "(1000L9,)", "(L,)", "(1000 L,)"] {
            shape_refused(shape, "expected dimensions");
        }
        // Python 2 wrote no version 3.0.
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000L,)}";
        assert!(HeaderText::parse(text, false).unwrap_err().contains("1000L"));
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        let deep = |open: &str, close: &str| open.repeat(5_000) + &close.repeat(4_000);
        for text in [deep("(", ")"), deep("{", "}"), deep("[", "]"), format!("{{{}", deep("(", ")"))] {
            refused(&text, "expected");
        }
        refused("{'a': 1}}", "balanced");
        shape_refused("((1, 2))", "expected dimensions");
    }

    #[test]
    fn negative_dimensions_and_python_expressions_are_refused() {
        for shape in
            ["(-1, 2)", "(+1, 2)", "(0x10, 2)", "(1_0,)", "(2 2,)", "(1.5, 2)", "('1',)", "(,)", "(1,,2)"]
        {
            shape_refused(shape, "expected dimensions");
        }
        shape_refused("(99999999999999999999999, 2)", "expected dimensions from 0 to");
        shape_refused("7", "shape");
        refused("__import__('os')", "dict");
    }

    #[test]
    fn damaged_dicts_are_refused() {
        refused("{'descr}", "closing quote");
        refused("{'descr': (}", "closing bracket");
        refused("{'de\\'}", "backslash");
        refused("{'descr'}", "a key and a value");
        refused("{'descr': '<f4': 1}", "a key and a value");
        refused("{'descr': '<f4':}", "a key and a value");
        refused("{,}", "a key and a value");
        refused("{}", "\"descr\"");
        refused("{descr: '<f4'}", "\"descr\"");
        refused("{'descr': <f4, 'fortran_order': False, 'shape': ()}", "a string or a list");
    }
}
