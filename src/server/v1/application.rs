//! Applications: made, and found again by their `uid`.

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{body, called::Called, faults::Faults, fields::Fields, taken, told, unexpected};
use crate::{
    domain::{
        application::Application,
        command::{Answer, Command},
        history::Name,
        id::ApplicationId,
    },
    server::{backend::Backend, problem::Problem, v1::wall_time},
};

/// `POST /api/v1/app`: 201, or with `get_if_exists=true` 200 for a `uid` that is known.
pub(super) async fn create<B: Backend>(called: Called<B>, request: Request) -> Response {
    created(called, request)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn created<B: Backend>(called: Called<B>, request: Request) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let get_if_exists = called.query.flag("get_if_exists", false, &mut faults);
    let body = body::read(request).await?;
    let mut fields = Fields::of(&body, faults)?;
    let name = fields.required_text("name");
    let uid = fields.uid("uid", ApplicationId::PREFIX);
    let registration = json!({
        "name": name,
        "metadata": fields.metadata("metadata"),
        "throttleRate": fields.rate("throttleRate"),
    });
    fields.not_yet(&["rateLimit"]);
    fields.finish()?;
    let command = Command::CreateApplication {
        uid,
        registration: registration.to_string().into(),
    };
    let (id, is_fresh) = match called.backend.command(command).await? {
        Answer::Application { id, fresh, .. } => (id, fresh),
        other => return Err(unexpected("an application was asked for", Some(other))),
    };
    if !is_fresh && !get_if_exists {
        return Err(taken("uid", &id));
    }
    let found = called.backend.reads().application(&Name::Id(id.id()))?;
    let found = found.ok_or_else(|| unexpected("an application is missing", None))?;
    let status = if is_fresh {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    told(status, &shown(&found))
}

/// An application as the API shows it.
fn shown(application: &Application) -> Value {
    let mut said: Map<String, Value> =
        serde_json::from_slice(&application.registration).unwrap_or_default();
    // The application of the original routes was made by nobody who named it.
    let unnamed = || application.uid.as_deref().unwrap_or_default().into();
    let created_at = wall_time::shown(application.created_at.wall);
    json!({
        "id": application.id.to_string(),
        "uid": application.uid.as_deref(),
        "name": said.remove("name").unwrap_or_else(unnamed),
        "metadata": said.remove("metadata").unwrap_or_else(|| json!({})),
        "throttleRate": said.remove("throttleRate"),
        "createdAt": created_at,
        "updatedAt": created_at,
    })
}
