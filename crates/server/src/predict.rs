//! `POST /v1/predict`: images in, answers out.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use headstart::{AnswerRecord, Prediction, Refusal};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::images::{Form, Images};
use crate::problem::Problem;
use crate::queue::Outcome;

/// What the query of a request asks for.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// So many of the most probable classes; by default all.
    top_k: Option<usize>,
    /// "unknown" where no class has this probability.
    reject: Option<f32>,
    /// A class also for images that are unlike all known ones.
    answer_all: bool,
}

/// Answers to several images.
#[derive(Serialize)]
struct Answers<'a> {
    answers: Vec<AnswerRecord<'a>>,
}

impl Asked {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let Query(asked): Query<Self> =
            Query::try_from_uri(uri).map_err(|error| bad(format!("query: {}", error.body_text())))?;
        match asked {
            Self { top_k: Some(0), .. } => Err(bad("query: top_k: expected at least 1, found 0".to_owned())),
            Self { reject: Some(reject), .. } if !(0.0..=1.0).contains(&reject) => {
                Err(bad(format!("query: reject: expected a number from 0 to 1, found {reject}")))
            }
            asked => Ok(asked),
        }
    }

    fn record<'a>(self, name: Option<&'a str>, prediction: &'a Prediction, app: &'a App) -> AnswerRecord<'a> {
        let refusal = Refusal { reject: self.reject.unwrap_or(0.0), answer_all: self.answer_all };
        let top_k = self.top_k.unwrap_or(usize::MAX);
        AnswerRecord::new(name, prediction, &app.classes, refusal, Some(top_k))
    }
}

/// Answers a request.
pub(crate) async fn predict(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let asked = Asked::of(&head.uri)?;
    let form = Form::of(&head.headers)?;
    let (body, share) = app.bodies.read(&head.headers, body).await?;
    let Images { images, names, is_single } = form.images(body, share, app.max_queue).await?;
    let mut outcomes = Vec::with_capacity(images.len());
    for waiting in app.queue.add(images)? {
        let lost = |_| Outcome::Failed("the server has stopped".to_owned());
        outcomes.push(waiting.await.unwrap_or_else(lost));
    }
    if let (true, [outcome]) = (is_single, &outcomes[..]) {
        return match outcome {
            Outcome::Predicted(prediction) => json(&asked.record(None, prediction, &app)),
            Outcome::Unreadable(error) => Err(Problem::of_image(error)),
            Outcome::Failed(reason) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, reason.as_str())),
        };
    }
    let errors: Vec<String> = outcomes.iter().map(reason).collect();
    let each = outcomes.iter().zip(&errors).zip(&names);
    let answers = each.map(|((outcome, error), name)| match outcome {
        Outcome::Predicted(prediction) => asked.record(name.as_deref(), prediction, &app),
        _ => AnswerRecord::failure(name.as_deref(), error, Some(0)),
    });
    json(&Answers { answers: answers.collect() })
}

/// Why an image has no answer; empty where it has one.
fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Predicted(_) => String::new(),
        Outcome::Unreadable(error) => error.to_string(),
        Outcome::Failed(reason) => reason.clone(),
    }
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let failed = |error: serde_json::Error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer can't be put into JSON: {error}"))
    };
    let body = serde_json::to_vec(value).map_err(failed)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
