//! The images of a request: its body, the parts of a form, or base64 in JSON.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::bodies::Share;
use crate::problem::Problem;
use crate::queue::Image;

/// Parts of a form that are no images, at most: settings of other programs.
const FIELDS: usize = 64;

/// How a body holds images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// It is an image.
    Image,
    /// Parts of a form, with this boundary.
    Multipart(String),
    Json,
    /// Its bytes tell: JSON begins with a brace, and no image does.
    Untold,
}

/// The images of a request.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) images: Vec<Image>,
    /// The name of each, where its part of a form has one.
    pub(crate) names: Vec<Option<String>>,
    /// Whether the request is about one image, whose failure is the request's.
    pub(crate) is_single: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    image: Option<Cow<'a, str>>,
    #[serde(borrow)]
    images: Option<Vec<Cow<'a, str>>>,
}

impl Form {
    /// By the request's `Content-Type`.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let unsupported = |detail| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        if let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            return unsupported(format!("Content-Encoding: expected none, found {coding:?}"));
        }
        let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(Self::Untold) };
        let text = given.to_str().unwrap_or_default();
        let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*kind {
            // curl and wget call any bytes a form, unless they are told what it is.
            "application/octet-stream" | "application/x-www-form-urlencoded" => Ok(Self::Untold),
            "application/json" => Ok(Self::Json),
            "multipart/form-data" => multer::parse_boundary(text)
                .map(Self::Multipart)
                .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("Content-Type: {error}"))),
            kind if kind.starts_with("image/") => Ok(Self::Image),
            _ => unsupported(format!(
                "Content-Type: expected image/*, application/octet-stream, multipart/form-data or application/json, \
                 found {given:?}"
            )),
        }
    }

    /// The images of a body, at most so many. A body of more is refused before they take memory of their own.
    pub(crate) async fn images(self, body: Bytes, mut share: Share, most: usize) -> Result<Images, Problem> {
        let form = match self {
            Self::Untold if body.trim_ascii_start().starts_with(b"{") => Self::Json,
            form => form,
        };
        match form {
            Self::Image | Self::Untold => Ok(Images::new(vec![(body, None)], true, share)),
            Self::Multipart(boundary) => {
                share.grow(body.len())?;
                Ok(Images::new(parts(body, boundary, most).await?, false, share))
            }
            Self::Json => {
                // The texts, and what they hold.
                share.grow(body.len() / 4 * 7)?;
                // Threads of their own: a large body takes longer than others may wait.
                let decoded =
                    tokio::task::spawn_blocking(move || of_json(&body, most).map(|found| (found, share)));
                let failed = |error: tokio::task::JoinError| {
                    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
                };
                let ((images, is_single), share) = decoded.await.map_err(failed)??;
                let images = images.into_iter().map(|image| (image, None)).collect();
                Ok(Images::new(images, is_single, share))
            }
        }
    }
}

impl Images {
    fn new(images: Vec<(Bytes, Option<String>)>, is_single: bool, share: Share) -> Self {
        let share = Arc::new(share);
        let image = |(bytes, name)| (Image::new(bytes, Arc::clone(&share)), name);
        let (images, names) = images.into_iter().map(image).unzip();
        Self { images, names, is_single }
    }
}

/// The parts of a form that have a file name, or else all. A field that is no file has settings of other programs.
async fn parts(body: Bytes, boundary: String, most: usize) -> Result<Vec<(Bytes, Option<String>)>, Problem> {
    let bad =
        |error: multer::Error| Problem::new(StatusCode::BAD_REQUEST, format!("multipart/form-data: {error}"));
    let mut form = multer::Multipart::new(Body::from(body).into_data_stream(), boundary);
    let mut parts = Vec::new();
    while let Some(part) = form.next_field().await.map_err(bad)? {
        let name = part.file_name().map(str::to_owned);
        parts.push((part.bytes().await.map_err(bad)?, name));
        check(parts.len().saturating_sub(FIELDS), most)?;
    }
    if parts.iter().any(|(_, name)| name.is_some()) {
        parts.retain(|(_, name)| name.is_some());
    }
    if parts.is_empty() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "multipart/form-data: expected images, found no part",
        ));
    }
    check(parts.len(), most)?;
    Ok(parts)
}

/// Checks the number of a request's images.
fn check(found: usize, most: usize) -> Result<(), Problem> {
    if found > most {
        let detail = format!("expected at most {most} images in a request, found {found}");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(())
}

/// The images in JSON, and whether it is one that was named so.
fn of_json(body: &[u8], most: usize) -> Result<(Vec<Bytes>, bool), Problem> {
    // The name and each text have two quotes.
    let quotes = body.iter().filter(|byte| **byte == b'"').count();
    check((quotes / 2).saturating_sub(1), most)?;
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let expected = r#"expected {"image": "BASE64"} or {"images": ["BASE64", ...]}"#;
    let request: Request<'_> =
        serde_json::from_slice(body).map_err(|error| bad(format!("JSON: {expected}: {error}")))?;
    let (texts, is_single) = match request {
        Request { image: Some(image), images: None } => (vec![image], true),
        Request { image: None, images: Some(images) } if !images.is_empty() => (images, false),
        _ => return Err(bad(format!("JSON: {expected}"))),
    };
    let decode = |(index, text): (usize, &Cow<'_, str>)| {
        // The URL of an image, as a page's scripts make it.
        let text = match text.split_once(";base64,") {
            Some((start, text)) if start.starts_with("data:") => text,
            _ => text,
        };
        let bytes = STANDARD.decode(text.trim_ascii());
        bytes.map(Bytes::from).map_err(|error| bad(format!("JSON: image {}: no base64: {error}", index + 1)))
    };
    Ok((texts.iter().enumerate().map(decode).collect::<Result<_, _>>()?, is_single))
}
