//! The routes, and what is true of each request.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::bodies::Bodies;
use crate::hosts::Hosts;
use crate::metrics::{self, Metrics};
use crate::predict::predict;
use crate::problem::Problem;
use crate::queue::Queue;
use crate::{Error, page};

/// Where images are predicted.
pub(crate) const PREDICT: &str = "/v1/predict";

/// Where the model is described.
const MODEL: &str = "/v1/model";

/// Where it is told whether the server works.
const HEALTH: &str = "/healthz";

/// Where the figures are.
const METRICS: &str = "/metrics";

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    /// The names of the classes, in label order.
    pub(crate) classes: Vec<String>,
    /// What `/v1/model` answers, in JSON.
    pub(crate) model: String,
    pub(crate) bodies: Bodies,
    pub(crate) hosts: Hosts,
    pub(crate) queue: Arc<Queue>,
    pub(crate) max_queue: usize,
    pub(crate) metrics: Arc<Metrics>,
    /// A permit for each connection that may be opened.
    pub(crate) connections: Arc<Semaphore>,
}

/// The routes. Web pages of some origins may read the answers.
pub(crate) fn router(app: Arc<App>, origins: &[String]) -> Result<Router, Error> {
    let routes = Router::new()
        .route(PREDICT, post(predict))
        .route(MODEL, get(model))
        .route(HEALTH, get(|| async { "ok\n" }))
        .route(METRICS, get(metrics))
        .merge(page::routes())
        .method_not_allowed_fallback(wrong_method)
        .fallback(nowhere);
    let routes = match cors(origins)? {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    let routes = routes.layer(middleware::from_fn_with_state(Arc::clone(&app), around));
    Ok(routes.with_state(app))
}

/// The permission for pages of some origins, if there are any.
fn cors(origins: &[String]) -> Result<Option<CorsLayer>, Error> {
    if origins.is_empty() {
        return Ok(None);
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().map(|origin| checked(origin)).collect::<Result<Vec<_>, _>>()?)
    };
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods([Method::GET, Method::POST]);
    Ok(Some(layer.allow_headers([header::CONTENT_TYPE])))
}

/// An origin as browsers write it: `https://example.com:8443`, without a path.
fn checked(origin: &str) -> Result<HeaderValue, Error> {
    let is_origin = origin.parse::<Uri>().is_ok_and(|uri| {
        uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/') && uri.path() == "/"
    });
    let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin);
    value.ok_or_else(|| Error::Setting {
        setting: "allow_origin",
        message: format!("expected * or an origin such as https://example.com, found {origin}"),
    })
}

/// Checks each request, counts it, and keeps answers out of caches.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = route_of(request.uri().path());
    let checked = app.hosts.check(request.version(), request.uri(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    app.metrics.request(route, response.status().as_u16(), start.elapsed());
    response
}

/// The route of a path, as the figures name it. Paths that are none have one name: a client can make up any number.
fn route_of(path: &str) -> &'static str {
    [PREDICT, MODEL, HEALTH, METRICS, "/"].into_iter().find(|route| *route == path).unwrap_or("other")
}

async fn model(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.model.clone()).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::TYPE)], app.metrics.text(app.queue.len())).into_response()
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let expected = if uri.path() == PREDICT { "POST" } else { "GET" };
    let detail = format!("{}: expected {expected}, found {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

async fn nowhere(uri: Uri) -> Problem {
    let detail = format!("expected /, {PREDICT}, {MODEL}, {HEALTH} or {METRICS}, found {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail)
}
