//! What tasks cost, and what is left to pay with.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::account;
use crate::bundle::Operation;
use crate::routes::{Models, Refusal};
use crate::state::{Memory, State};

const MILLION: f64 = 1_000_000.0;

/// The price of a submit, or why there is none. Of the inputs, known ones are validated, as it is
/// with the vendor; that missing ones are not is recorded, too.
pub(crate) fn price(
    state: &State,
    models: &Models,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, Refusal> {
    let refusal = |message| (StatusCode::BAD_REQUEST, message);
    let request = operation.accept(body).map_err(refusal)?;
    let model = request
        .get("model_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(submit) = models.get(model) else {
        let message = format!("Model \"{model}\" not found. Please check the model identifier.");
        return Err((StatusCode::NOT_FOUND, message));
    };
    let inputs = request.get("inputs").and_then(Value::as_object);
    submit
        .accept_part(inputs.cloned().unwrap_or_default())
        .map_err(refusal)?;
    let credit = state.settings.credit;
    let mut answer = json!({ "discounted_price": credit.paid() as f64 / MILLION });
    let others = json!({
        "model_id": model,
        "price": credit.price,
        "discount_rate": credit.rate,
        "currency": "USD",
    });
    for (name, value) in others.as_object().into_iter().flatten() {
        let optional = state.settings.optional_fields;
        optional.put(&mut answer, name, value.clone());
    }
    Ok(answer)
}

/// The same in the words of an older call. A guess: that its price is the one that is paid.
pub(crate) fn pricing(
    state: &State,
    models: &Models,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, Refusal> {
    let price = price(state, models, operation, body)?;
    let mut answer = json!({ "unit_price": price["discounted_price"] });
    for name in ["model_id", "currency"] {
        if let Some(value) = price.get(name) {
            answer[name] = value.clone();
        }
    }
    Ok(answer)
}

/// What is left.
pub(crate) fn balance(state: &State) -> Value {
    json!({ "balance": left(state, &state.memory()) as f64 / MILLION })
}

/// Whether there is enough for one more task.
pub(crate) fn check(state: &State, memory: &Memory) -> Result<(), Refusal> {
    if left(state, memory) >= state.settings.credit.paid() {
        return Ok(());
    }
    let message = "Insufficient credits. Please top up your account to continue.";
    Err((StatusCode::BAD_REQUEST, message.to_owned()))
}

fn left(state: &State, memory: &Memory) -> i64 {
    let credit = &state.settings.credit;
    let paid = memory.billed - account::refunds(memory, state);
    let spent = credit.paid() * i64::try_from(paid).unwrap_or(i64::MAX);
    (credit.balance * MILLION).round() as i64 - spent
}
