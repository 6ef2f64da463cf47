//! Files that are easily given in the place of a `.npy`: what they are, by their first bytes.

/// Nine bytes that a manifest begins with.
const MANIFEST: &[u8] = b"{\"format\"";

/// Bytes that an error shows.
const SHOWN: usize = 8;

/// What a file is that begins with these nine bytes, or fewer; and what to give in its place, if that is known.
pub(crate) fn of_start(start: &[u8]) -> String {
    let shown = &start[..start.len().min(SHOWN)];
    let is = |magic: &[u8]| start.starts_with(magic);
    if start.is_empty() {
        "an empty file".to_owned()
    } else if is(MANIFEST) {
        "a manifest; give the .npy beside it".to_owned()
    } else if is(b"\x89HDF") || (start.get(SHOWN) == Some(&b'{') && start[SHOWN - 1] == 0) {
        let format = if is(b"\x89HDF") { "HDF5" } else { "safetensors" };
        format!("a file of weights or of a head ({format}); give a .npy of features")
    } else if is(b"\xff\xd8\xff") || is(b"\x89PNG") || is(b"GIF8") {
        "an image; give a .npy of features".to_owned()
    } else {
        shown.escape_ascii().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_for_features_is_named_with_what_to_give() {
        for (start, found) in [
            (&b""[..], "an empty file"),
            (b"{\"format\"", "a manifest; give the .npy beside it"),
            (b"{\"id\": 12", "{\\\"id\\\": 1"),
            (b"\x00\x07\0\0\0\0\0\0{", "a file of weights or of a head (safetensors); give a .npy"),
            (b"\x89HDF\r\n\x1a\n\0", "a file of weights or of a head (HDF5); give a .npy"),
            (b"\xff\xd8\xff\xe0\0\x10JFI", "an image; give a .npy"),
            (b"PK\x03\x04", "PK\\x03\\x04"),
        ] {
            let named = of_start(start);
            assert!(named.starts_with(found), "{named}: {}", start.escape_ascii());
        }
    }
}
