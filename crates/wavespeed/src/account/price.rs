//! What a task will cost, and what there is to pay with. The vendor says; nothing here knows a
//! price.

use serde_json::{Map, Value};
use wavespeed_client::{Answer, Input, Model, types};

use crate::call::{FetchError, answered, data, refused};
use crate::check::named::{local_files, named_files};
use crate::client::Wavespeed;

/// What a submit would cost, as the vendor says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quote {
    /// What is paid, in units of the currency.
    pub price: f64,
    /// The price without a discount, if there is one.
    pub undiscounted: Option<f64>,
    /// The currency, such as `USD`.
    pub currency: String,
    /// The inputs that the vendor could not see: local files, and required ones that are missing.
    /// With them the price may be higher.
    pub unseen: Vec<String>,
}

impl Wavespeed {
    /// Asks what a submit with these inputs would cost. Nothing is created or billed; local files
    /// are neither looked at nor uploaded, and their paths are not sent.
    ///
    /// # Errors
    /// If the vendor does not say.
    pub async fn price(&self, model: &str, input: &Value) -> Result<Quote, FetchError> {
        match crate::model(model) {
            Some(model) => self.price_by(model, input).await,
            None => self.ask_price(model, &[], input).await,
        }
    }

    /// As [`price`](Self::price), for a model that need not be the catalogue's.
    ///
    /// # Errors
    /// If the vendor does not say.
    pub async fn price_by(&self, model: &Model, input: &Value) -> Result<Quote, FetchError> {
        self.ask_price(model.id, model.inputs, input).await
    }

    async fn ask_price(
        &self,
        model: &str,
        known: &[Input],
        input: &Value,
    ) -> Result<Quote, FetchError> {
        let mut inputs = input.as_object().cloned().unwrap_or_default();
        let unseen = hide(known, &mut inputs);
        let request = types::PriceRequest::new(model, inputs);
        let call = async { Answer::of(self.0.api.get_model_price(&request).await).await };
        let answer = answered(self, call).await?;
        let data = data(&answer).ok_or_else(|| refused(&answer))?;
        let number = |name: &str| data.get(name).and_then(Value::as_f64);
        let (full, discounted) = (number("price"), number("discounted_price"));
        let price = discounted.or(full).ok_or_else(|| refused(&answer))?;
        let currency = data.get("currency").and_then(Value::as_str);
        Ok(Quote {
            price,
            undiscounted: full.filter(|full| *full != price),
            currency: currency.unwrap_or("USD").to_owned(),
            unseen,
        })
    }

    /// Asks for the credit that is left, in USD.
    ///
    /// # Errors
    /// If the vendor does not say.
    pub async fn balance(&self) -> Result<f64, FetchError> {
        let call = async { Answer::of(self.0.api.get_balance().await).await };
        let answer = answered(self, call).await?;
        let balance = data(&answer).and_then(|data| data.get("balance")?.as_f64());
        balance.ok_or_else(|| refused(&answer))
    }
}

/// Takes local files out of the inputs, and says what the vendor cannot see.
fn hide(known: &[Input], inputs: &mut Map<String, Value>) -> Vec<String> {
    let given = Value::Object(inputs.clone());
    let missing = known.iter().filter(|input| input.required);
    let missing = missing.filter(|input| !inputs.contains_key(input.name));
    let mut unseen: Vec<String> = missing.map(|input| input.name.to_owned()).collect();
    let named = named_files(known, &given);
    let named = named.iter().filter(|named| named.is_path());
    let mut paths: Vec<String> = named.map(|named| named.field.clone()).collect();
    paths.extend(local_files(&given).into_iter().map(|fault| fault.field));
    for path in &paths {
        let name = path.split(['[', '.']).next().unwrap_or_default();
        inputs.remove(name);
        if !unseen.iter().any(|known| known == name) {
            unseen.push(name.to_owned());
        }
    }
    unseen
}
