//! From a path to the code that answers it. Every API call takes one way: it is put on record,
//! its key is looked at, its handler answers, and the reply is held against the bundle before it
//! leaves.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State as Shared};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on, put};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::bundle::{self, Bundle, Operation};
use crate::files::File;
use crate::scenario::Call;
use crate::state::State;
use crate::strike::strike;
use crate::{StartError, account, credit, history, playground, predictions, uploads};

/// Where the API is, below the origin.
const API: &str = "/api/v3";
/// The longest JSON body that is read.
pub(crate) const BODY_BYTES: usize = 10 * 1024 * 1024;

/// What answers an operation.
enum Handler {
    Submit { model: String },
    PredictionResult,
    History,
    CreateUpload,
    Price { models: Models },
    Pricing { models: Models },
    Balance,
    UploadBinary,
    Models { list: Arc<Value> },
    Delete,
    Billings,
    Usage,
    Secret,
}

/// The operation of each model, by its id.
pub(crate) type Models = Arc<HashMap<String, Arc<Operation>>>;

impl Handler {
    fn find(operation: &Operation, models: &Models, list: &Arc<Value>) -> Option<Self> {
        if let Some(model) = operation.model.clone() {
            return Some(Self::Submit { model });
        }
        match operation.name.as_str() {
            "get_prediction_result" => Some(Self::PredictionResult),
            "list_predictions" => Some(Self::History),
            "create_upload" => Some(Self::CreateUpload),
            "get_model_price" => Some(Self::Price {
                models: Arc::clone(models),
            }),
            "get_model_pricing" => Some(Self::Pricing {
                models: Arc::clone(models),
            }),
            "get_balance" => Some(Self::Balance),
            "upload_binary" => Some(Self::UploadBinary),
            "list_models" => Some(Self::Models {
                list: Arc::clone(list),
            }),
            "delete_predictions" => Some(Self::Delete),
            "search_billings" => Some(Self::Billings),
            "get_usage" => Some(Self::Usage),
            "get_webhook_secret" => Some(Self::Secret),
            _ => None,
        }
    }

    /// What scenarios call it.
    fn call(&self) -> Call {
        match self {
            Self::Submit { .. } => Call::Submit,
            Self::PredictionResult => Call::Result,
            Self::History => Call::History,
            Self::CreateUpload => Call::Ticket,
            Self::Price { .. } | Self::Pricing { .. } => Call::Price,
            Self::Balance => Call::Balance,
            Self::UploadBinary => Call::Form,
            Self::Models { .. } | Self::Delete | Self::Billings | Self::Usage | Self::Secret => {
                Call::Account
            }
        }
    }

    /// Whether there is such a call at all.
    fn is_there(&self, state: &State) -> bool {
        state.settings.tickets || !matches!(self, Self::CreateUpload)
    }

    /// The longest body that is read.
    fn longest(&self) -> usize {
        match self {
            Self::UploadBinary => uploads::FORM_BYTES,
            _ => BODY_BYTES,
        }
    }

    fn answer(
        &self,
        state: &State,
        operation: &Operation,
        parts: &Parts,
        body: Option<&[u8]>,
    ) -> Result<Value, Refusal> {
        let Some(body) = body else {
            return Err(match self {
                Self::UploadBinary => uploads::unread(parts),
                _ => unread(),
            });
        };
        match self {
            Self::Submit { model } => predictions::submit(state, operation, model, parts, body),
            Self::PredictionResult => {
                let id = parameter(&operation.path, parts.uri.path());
                predictions::result(state, id.unwrap_or_default(), parts)
            }
            Self::History => history::list(state, operation, body),
            Self::CreateUpload => uploads::create(state, operation, body),
            Self::Price { models } => credit::price(state, models, operation, body),
            Self::Pricing { models } => credit::pricing(state, models, operation, body),
            Self::Balance => Ok(credit::balance(state)),
            Self::UploadBinary => uploads::form(state, parts, body),
            Self::Models { list } => Ok(Value::clone(list)),
            Self::Delete => account::delete(state, operation, body),
            Self::Billings => account::billings(state, operation, body),
            Self::Usage => account::usage(state, operation, body),
            Self::Secret => Ok(account::secret(state)),
        }
    }
}

/// The part of `path` that stands for the parameter of `template`. Ids need no decoding.
fn parameter<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let mut parts = template.split('/').zip(path.strip_prefix(API)?.split('/'));
    parts.find_map(|(name, value)| name.starts_with('{').then_some(value))
}

/// Why a call is refused: the status, and the words.
pub(crate) type Refusal = (StatusCode, String);

/// The answer to an API call, in its envelope.
pub(crate) struct Reply {
    status: StatusCode,
    body: Value,
}

impl Reply {
    pub(crate) fn new(answer: Result<Value, Refusal>) -> Self {
        match answer {
            Ok(data) => Self {
                status: StatusCode::OK,
                body: json!({ "code": 200, "message": "success", "data": data }),
            },
            Err((status, message)) => Self {
                status,
                body: json!({ "code": status.as_u16(), "message": message }),
            },
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let json = [(CONTENT_TYPE, "application/json")];
        (self.status, json, self.body.to_string()).into_response()
    }
}

/// All paths of an emulator, or the operation nothing here answers.
pub(crate) fn router(state: Arc<State>, bundle: Bundle) -> Result<Router, StartError> {
    let mut api = Router::new();
    let (refusal, other_refusal) = (Arc::clone(&bundle.refusal), bundle.refusal);
    let list = Arc::new(bundle.listing);
    let operations: Vec<_> = bundle.operations.into_iter().map(Arc::new).collect();
    let named =
        |operation: &Arc<Operation>| Some((operation.model.clone()?, Arc::clone(operation)));
    let models = Arc::new(operations.iter().filter_map(named).collect());
    for operation in operations {
        let no_handler = || StartError::NoHandler {
            operation: operation.name.clone(),
            method: operation.method.to_string(),
            path: operation.path.clone(),
        };
        let handler = Handler::find(&operation, &models, &list).ok_or_else(no_handler)?;
        if !handler.is_there(&state) {
            continue;
        }
        let method = MethodFilter::try_from(operation.method.clone()).map_err(|_| no_handler())?;
        let path = format!("{API}{}", operation.path);
        let kind = handler.call();
        let call = Arc::new((operation, handler));
        let serve = move |Shared(state): Shared<Arc<State>>, request: Request| async move {
            let (operation, handler) = &*call;
            let answer =
                |parts: &Parts, body: Option<&[u8]>| handler.answer(&state, operation, parts, body);
            let reply = serve_api(&state, request, handler.longest(), answer).await;
            let checked = operation.check(reply.status, &reply.body);
            send(reply, checked, &operation.name)
        };
        api = api.route(&path, with_faults(on(method, serve), &state, kind));
    }
    let unknown = move |Shared(state): Shared<Arc<State>>, request: Request| async move {
        if !is_api(request.uri().path()) {
            state.record(&request.into_parts().0, &[]);
            return (StatusCode::NOT_FOUND, "nothing is here").into_response();
        }
        let reply = serve_api(&state, request, BODY_BYTES, |parts, body| {
            Err(body.map_or_else(unread, |_| no_operation(parts)))
        })
        .await;
        let checked = bundle::check(&refusal, &reply.body);
        send(reply, checked, "unknown operation")
    };
    let other_method = move |Shared(state): Shared<Arc<State>>, request: Request| async move {
        if !is_api(request.uri().path()) {
            state.record(&request.into_parts().0, &[]);
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        let reply = serve_api(&state, request, BODY_BYTES, |_, body| {
            Err(body.map_or_else(unread, |_| {
                // A guess.
                let message = "This method is not allowed here.".to_owned();
                (StatusCode::METHOD_NOT_ALLOWED, message)
            }))
        })
        .await;
        let checked = bundle::check(&other_refusal, &reply.body);
        send(reply, checked, "another method")
    };
    let document = bundle.text;
    Ok(Router::new()
        .route(
            "/",
            get(async |headers: HeaderMap| playground::page(&headers)),
        )
        .route(
            "/openapi.json",
            get(async move || playground::bundle(document)),
        )
        .route(
            "/storage/{id}/{name}",
            with_faults(recorded(put(storage), &state), &state, Call::Put),
        )
        .route("/media/{id}/{name}", recorded(get(media), &state))
        .route(
            "/outputs/{name}",
            with_faults(recorded(get(output), &state), &state, Call::Output),
        )
        .merge(api)
        .fallback(unknown)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), date))
        .with_state(state))
}

/// A route on which faults can strike.
fn with_faults(
    route: MethodRouter<Arc<State>>,
    state: &Arc<State>,
    call: Call,
) -> MethodRouter<Arc<State>> {
    route.route_layer(middleware::from_fn_with_state(
        (Arc::clone(state), call),
        strike,
    ))
}

/// A route outside of the API, the calls of which are put on record.
fn recorded(route: MethodRouter<Arc<State>>, state: &Arc<State>) -> MethodRouter<Arc<State>> {
    route.route_layer(middleware::from_fn_with_state(Arc::clone(state), record))
}

fn is_api(path: &str) -> bool {
    path.strip_prefix(API)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The way of an API call up to its reply.
async fn serve_api(
    state: &State,
    request: Request,
    longest: usize,
    answer: impl FnOnce(&Parts, Option<&[u8]>) -> Result<Value, Refusal>,
) -> Reply {
    let (parts, body) = request.into_parts();
    let body = read(body, longest).await;
    state.record(&parts, body.as_deref().unwrap_or_default());
    if !is_authorised(&parts.headers, &state.settings.key.0) {
        let message = "Invalid API key. Verify the key on your dashboard's API Keys page, or \
                       contact support@wavespeed.ai.";
        return Reply::new(Err((StatusCode::UNAUTHORIZED, message.to_owned())));
    }
    Reply::new(answer(&parts, body.as_deref()))
}

/// A guess.
fn unread() -> Refusal {
    let message = "request body cannot be read, or is larger than 10 MiB";
    (StatusCode::BAD_REQUEST, message.to_owned())
}

/// The body, unless it breaks off or is too long. One that is too long is read to its end all the
/// same, so that the client gets to read the answer.
pub(crate) async fn read(body: Body, longest: usize) -> Option<Vec<u8>> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Some(Vec::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        bytes = bytes
            .filter(|bytes| bytes.len() + chunk.len() <= longest)
            .map(|mut bytes| {
                bytes.extend_from_slice(&chunk);
                bytes
            });
    }
    bytes
}

fn is_authorised(headers: &HeaderMap, key: &str) -> bool {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .is_some_and(|(scheme, sent)| scheme.eq_ignore_ascii_case("bearer") && sent == key)
}

/// What the vendor says where no operation is.
fn no_operation(parts: &Parts) -> Refusal {
    let path = parts.uri.path();
    let model = path.strip_prefix(API).unwrap_or(path).trim_matches('/');
    let message = if parts.method == Method::POST && model.contains('/') {
        format!("Model \"{model}\" not found. Please check the model identifier.")
    } else {
        // A guess.
        "Not found.".to_owned()
    };
    (StatusCode::NOT_FOUND, message)
}

/// A reply as it leaves. One that the bundle does not allow does not leave: the emulator itself
/// is wrong then, and a client must not be built on that.
fn send(reply: Reply, checked: Result<(), String>, operation: &str) -> Response {
    let Err(violation) = checked else {
        return reply.into_response();
    };
    let status = reply.status.as_u16();
    let message = format!(
        "the emulator is wrong: its answer {status} to {operation} breaks the bundle: {violation}"
    );
    tracing::error!(operation, status, %violation, "a reply breaks the bundle");
    Reply::new(Err((StatusCode::INTERNAL_SERVER_ERROR, message))).into_response()
}

/// Puts a call outside of the API on record.
async fn record(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    state.record(&parts, &[]);
    next.run(Request::from_parts(parts, body)).await
}

/// Says when an answer was given, by the emulator's clock: clients correct their own by it.
async fn date(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let now = httpdate::fmt_http_date(state.settings.clock.now());
    if let Ok(now) = HeaderValue::try_from(now) {
        response.headers_mut().insert(DATE, now);
    }
    response
}

async fn storage(
    Shared(state): Shared<Arc<State>>,
    Path((id, _name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    uploads::put(&state, &id, query.as_deref(), &headers, body).await?;
    Ok(StatusCode::OK)
}

async fn media(
    Shared(state): Shared<Arc<State>>,
    Path((id, _name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    serve_file(uploads::download(&state, &id), &headers).await
}

async fn output(
    Shared(state): Shared<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let file = predictions::output(&state, &uri)?;
    Ok(serve_file(file, &headers).await)
}

async fn serve_file(file: Option<File>, headers: &HeaderMap) -> Response {
    match file {
        Some(file) => file.serve(headers).await,
        None => (StatusCode::NOT_FOUND, "no such file").into_response(),
    }
}
