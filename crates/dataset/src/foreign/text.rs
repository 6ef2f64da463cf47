//! Text under the name of an image: what kind of text it is. None of it is shown.

use std::str;

/// How much of a file decides whether it is text.
const LOOKED_AT: usize = 512;

/// What a text starts with, after white space and in lower case, and what it then is.
const STARTS: [(&str, &str); 10] = [
    ("version https://git-lfs", "a Git LFS pointer, not the file itself: run \"git lfs pull\""),
    ("<!doctype html", WEB_PAGE),
    ("<html", WEB_PAGE),
    ("<head", WEB_PAGE),
    ("<body", WEB_PAGE),
    ("<svg", SVG),
    ("data:image/", BASE64),
    ("/9j/", BASE64),
    ("ivborw0kgg", BASE64),
    ("r0lgod", BASE64),
];

const WEB_PAGE: &str = "a web page (HTML), probably of a download that failed: download the image again";
const SVG: &str = "SVG, a drawing, which is not read: convert it to PNG";
const BASE64: &str = "an image as text in base64: decode it";
const UTF16: &str = "text, not an image";

/// What a text is, in words that go on with "found"; `None` for content that is no text.
pub(super) fn of_content(bytes: &[u8]) -> Option<String> {
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = bytes {
        return Some(UTF16.to_owned());
    }
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = readable(start, bytes.len() > LOOKED_AT)?;
    let lower = text.trim_start().to_lowercase();
    if let Some((_, found)) = STARTS.iter().find(|(known, _)| lower.starts_with(known)) {
        return Some((*found).to_owned());
    }
    let found = match lower.chars().next() {
        // A comment or a declaration may come before the element that says what it is.
        Some('<') if lower.contains("<svg") => SVG,
        Some('<') if lower.contains("<html") => WEB_PAGE,
        Some('<') => "XML, not an image",
        Some('{') if lower.starts_with("{\"format\":\"headstart.features") => {
            "a manifest (.jsonl), not an image"
        }
        Some('{' | '[') => "JSON, not an image",
        Some(_) => "text, not an image",
        None => "white space only",
    };
    Some(found.to_owned())
}

/// The bytes as text, if they are UTF-8, or single bytes as of Latin-1, without control characters. With `cut`, the
/// last character may be incomplete.
fn readable(bytes: &[u8], cut: bool) -> Option<String> {
    let is_text =
        |text: &str| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace() || c == '\x1b');
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if cut && error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        // A few letters with accents among plain ones.
        Err(_) if bytes.iter().filter(|byte| !byte.is_ascii()).count() * 10 < bytes.len() => {
            bytes.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
        }
        Err(_) => return None,
    };
    (!text.is_empty() && is_text(&text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_named_for_what_they_are() {
        for (content, found) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:12"[..], "a Git LFS pointer"),
            (b"<!DOCTYPE html><html>404</html>", "a web page"),
            (b"\xef\xbb\xbf\r\n  <HTML>", "a web page"),
            (b"<?xml version=\"1.0\"?>\n<!-- made by hand -->\n<svg/>", "SVG"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "XML"),
            (b"{\"error\": 404}", "JSON"),
            (b"{\"format\":\"headstart.features\",\"version\":1", "a manifest"),
            (b"Not found", "text"),
            (b"caf\xe9 au lait, caf\xe9 noir", "text"),
            ("\u{fffd}\u{fffd}caf\u{e9}".as_bytes(), "text"),
            (b"data:image/jpeg;base64,/9j/4AAQ", "an image as text"),
            (b"/9j/4AAQSkZJRgABAQ", "an image as text"),
            (b" \n\n ", "white space only"),
            (b"\xff\xfeh\0i\0", "text"),
        ] {
            let named = of_content(content).unwrap();
            assert!(named.starts_with(found), "{named}: {}", content.escape_ascii());
        }
        assert_eq!(of_content(b"\0\x01\x02"), None);
        assert_eq!(of_content(b"\x80\x81abc"), None);
        assert_eq!(of_content(b""), None);
    }

    #[test]
    fn a_character_that_the_look_cuts_in_two_does_not_matter() {
        assert_eq!(of_content("é".repeat(400).as_bytes()).as_deref(), Some("text, not an image"));
        assert_eq!(
            of_content(format!("a{}", "é".repeat(400)).as_bytes()).as_deref(),
            Some("text, not an image")
        );
    }
}
