//! A check of the .npy header's text, made before a parser for Python literals sees it.
//!
//! The header is a Python dict. A general parser of such literals recurses with the nesting (so a hostile header
//! overflows the stack), tries alternatives again at each level (so time doubles a level), and multiplies the
//! dimensions as they come. What numpy writes needs none of that: this check walks the text once and lets
//! through only few levels, plain numbers whose product is small enough, and the words True, False and None.
//!
//! Under Python 2 numpy wrote long integers, `(1000L, 512L, 4L, 4L)`, and still reads them; here the L is blanked.

/// numpy's deepest header, a structured type with sub-arrays of structures, has 6 levels: dict, list, tuple,
/// list, tuple, tuple.
const MAX_DEPTH: usize = 6;

/// Dimensions whose product passes this can't be in a file: file sizes are signed 64-bit numbers.
const MAX_ELEMENTS: u64 = i64::MAX as u64;

/// Lets pass what numpy could have written under the format's `version` (major, minor); an L that ends a number becomes
/// a space.
///
/// # Errors
/// What was expected and what was found, as text.
pub(crate) fn check_header_text(text: &mut [u8], version: (u8, u8)) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut elements = 1_u64;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        match byte {
            b'\'' | b'"' => at = skip_string(text, at, byte)?,
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(format!("expected at most {MAX_DEPTH} nested brackets, found more"));
                }
            }
            b')' | b']' | b'}' => {
                depth =
                    depth.checked_sub(1).ok_or("expected balanced brackets, found one closed too many")?;
            }
            b'0'..=b'9' => {
                let digits = run(text, at - 1, u8::is_ascii_digit);
                at += digits.len() - 1;
                elements = multiply(elements, digits)?;
                // Version 3.0 came with Python 3.
                if version < (3, 0) && run(text, at, u8::is_ascii_alphanumeric) == b"L" {
                    text[at] = b' ';
                    at += 1;
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' => {
                let word = run(text, at - 1, u8::is_ascii_alphabetic);
                at += word.len() - 1;
                if !matches!(word, b"True" | b"False" | b"None") {
                    return Err(format!("expected True or False, found {}", word.escape_ascii()));
                }
            }
            b',' | b':' | b' ' | b'\n' => {}
            // A negative dimension comes here too.
            other => {
                return Err(format!("expected a dict as numpy writes it, found {:?}", char::from(other)));
            }
        }
    }
    Ok(())
}

/// The place after a string's closing quote.
fn skip_string(text: &[u8], start: usize, quote: u8) -> Result<usize, String> {
    for (i, &byte) in text[start..].iter().enumerate() {
        match byte {
            b'\\' => return Err("expected plain strings, found a backslash".to_owned()),
            b if b == quote => return Ok(start + i + 1),
            _ => {}
        }
    }
    Err("expected a closing quote, found the header's end".to_owned())
}

/// The longest run from `start` that satisfies `belongs`.
fn run(text: &[u8], start: usize, belongs: impl Fn(&u8) -> bool) -> &[u8] {
    let rest = &text[start..];
    &rest[..rest.iter().position(|b| !belongs(b)).unwrap_or(rest.len())]
}

/// Multiplies a dimension in, zeros left out so that (0, 2^40, 2^40) is still seen as absurd.
fn multiply(elements: u64, digits: &[u8]) -> Result<u64, String> {
    let absurd =
        || format!("expected at most {MAX_ELEMENTS} values, found a dimension of {}", digits.escape_ascii());
    let mut dimension = 0_u64;
    for &digit in digits {
        dimension = dimension
            .checked_mul(10)
            .and_then(|n| n.checked_add(u64::from(digit - b'0')))
            .ok_or_else(absurd)?;
    }
    elements.checked_mul(dimension.max(1)).filter(|&n| n <= MAX_ELEMENTS).ok_or_else(absurd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, why: &str) {
        let found = check_header_text(&mut text.as_bytes().to_vec(), (1, 0)).expect_err(text);
        assert!(found.contains(why), "{text}: {found}");
    }

    #[test]
    fn headers_that_numpy_writes_pass() {
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 512, 4, 4), }     \n",
            "{'descr': [('a', '<f4', (2, 3)), ('b', [('c', '>i2')])], 'fortran_order': True, 'shape': (0,), }",
            "{'descr': '|O', 'fortran_order': False, 'shape': (), }",
        ] {
            check_header_text(&mut text.as_bytes().to_vec(), (1, 0)).expect(text);
        }
    }

    #[test]
    fn long_integers_of_python_2_pass_and_are_made_plain() {
        for version in [(1, 0), (2, 0)] {
            let mut text = *b"{'descr': '9L', 'shape': (1000L, 512L, 4,)}";
            check_header_text(&mut text, version).unwrap();
            assert_eq!(&text, b"{'descr': '9L', 'shape': (1000 , 512 , 4,)}");
        }
        refused("{'shape': (1000l,)}", "found l");
        refused("{'shape': (1000LL,)}", "found LL");
        refused("{'shape': (1000L9,)}", "found L");
        refused("{'shape': (L,)}", "found L");
        refused("{'shape': (4294967296L, 4294967296L)}", "at most");
        // Python 2 wrote no version 3.0, and numpy reads none from it.
        let found = check_header_text(&mut b"{'shape': (1000L,)}".to_owned(), (3, 0)).unwrap_err();
        assert!(found.contains("found L"), "{found}");
    }

    #[test]
    fn deep_nesting_is_refused_before_it_is_parsed() {
        refused(&"(".repeat(9_000), "nested");
        refused(&"{".repeat(7), "nested");
        refused("{'a': 1}}", "balanced");
    }

    #[test]
    fn absurd_shapes_are_refused() {
        refused("{'shape': (99999999999999999999999, 2)}", "at most");
        refused("{'shape': (4294967296, 4294967296)}", "at most");
        refused("{'shape': (0, 4294967296, 4294967296)}", "at most");
    }

    #[test]
    fn negative_dimensions_and_python_expressions_are_refused() {
        refused("{'shape': (-1, 2)}", "'-'");
        refused("{'shape': (0x10, 2)}", "found x");
        refused("__import__('os')", "'_'");
    }

    #[test]
    fn unclosed_and_escaped_strings_are_refused() {
        refused("{'descr", "closing quote");
        refused("{'de\\", "backslash");
    }
}
