//! Prices and the balance. Both are the vendor's answers; no price is stored in this crate.

use serde_json::{Map, Value};
use wavespeed_client::{Input, Model, types};

use crate::call::{FetchError, data, read, refused};
use crate::check::named::{local_files, named_files};
use crate::client::Wavespeed;

/// The price of a submit, as the vendor quotes it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[non_exhaustive]
pub struct Quote {
    /// The price, in units of the currency.
    pub price: f64,
    /// The price without a discount, if there is one.
    pub undiscounted: Option<f64>,
    /// The currency, such as `USD`.
    pub currency: String,
    /// The names of the inputs that the quote leaves out: local files, and required inputs that are
    /// missing. With them, the price may be higher.
    pub unseen: Vec<String>,
}

impl Wavespeed {
    /// Returns the price of a submit with this input. Nothing is created or billed. Local files are
    /// neither read nor uploaded, and their paths are not sent.
    ///
    /// # Errors
    /// Returns an error if the call fails or the answer has no price.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use wavespeed::serde_json::json;
    ///
    /// let input = json!({ "video": "clip.mp4", "text": "Hello", "voice_id": "AOT" });
    /// let quote = ws.price("kwaivgi/kling-lipsync/text-to-video", &input).await?;
    /// println!("{} {}", quote.price, quote.currency);
    /// # Ok(()) }
    /// ```
    pub async fn price(&self, model: &str, input: &Value) -> Result<Quote, FetchError> {
        match wavespeed_client::model(model) {
            Some(model) => self.price_by(model, input).await,
            None => self.fetch_price(model, &[], input).await,
        }
    }

    /// Returns the price of a submit to a model that need not be in the catalogue.
    ///
    /// # Errors
    /// Returns the errors of [`price`](Self::price).
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use wavespeed::serde_json::json;
    ///
    /// let models = ws.live_models().await?;
    /// let model = models.model("vendor/new-model").ok_or("no such model")?;
    /// let quote = ws.price_by(model, &json!({ "prompt": "a boat at dawn" })).await?;
    /// # Ok(()) }
    /// ```
    pub async fn price_by(&self, model: &Model, input: &Value) -> Result<Quote, FetchError> {
        self.fetch_price(model.id, model.inputs, input).await
    }

    async fn fetch_price(
        &self,
        model: &str,
        known: &[Input],
        input: &Value,
    ) -> Result<Quote, FetchError> {
        let mut inputs = input.as_object().cloned().unwrap_or_default();
        let unseen = remove_local_files(known, &mut inputs);
        let request = types::PriceRequest::new(model, inputs);
        let request = &request;
        let answer = read(
            self,
            |api| async move { api.get_model_price(request).await },
        );
        let answer = answer.await?;
        let data = data(&answer).ok_or_else(|| refused(&answer))?;
        let number = |name: &str| data.get(name).and_then(Value::as_f64);
        let (full, discounted) = (number("price"), number("discounted_price"));
        // What is paid is the discounted price.
        let price = discounted.or(full).ok_or_else(|| refused(&answer))?;
        let currency = data.get("currency").and_then(Value::as_str);
        Ok(Quote {
            price,
            // The vendor sends both prices, also where they are equal.
            undiscounted: full.filter(|full| *full != price),
            currency: currency.unwrap_or("USD").to_owned(),
            unseen,
        })
    }

    /// Returns the balance of the account, in USD.
    ///
    /// # Errors
    /// Returns an error if the call fails or the answer has no balance.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// println!("{} USD", ws.balance().await?);
    /// # Ok(()) }
    /// ```
    pub async fn balance(&self) -> Result<f64, FetchError> {
        let answer = read(self, |api| async move { api.get_balance().await });
        let answer = answer.await?;
        let balance = data(&answer).and_then(|data| data.get("balance")?.as_f64());
        balance.ok_or_else(|| refused(&answer))
    }
}

/// Removes local files from the inputs, and returns the names of all inputs that the quote leaves out.
/// A path must not be sent: it says something about this machine, and nothing about the price.
fn remove_local_files(known: &[Input], inputs: &mut Map<String, Value>) -> Vec<String> {
    let given = Value::Object(inputs.clone());
    let missing = known.iter().filter(|input| input.required);
    let missing = missing.filter(|input| !inputs.contains_key(input.name));
    let mut unseen: Vec<String> = missing.map(|input| input.name.to_owned()).collect();
    let named = named_files(known, &given);
    let named = named.iter().filter(|named| named.is_path());
    let mut paths: Vec<String> = named.map(|named| named.field.clone()).collect();
    paths.extend(local_files(&given).into_iter().map(|fault| fault.field));
    // A path may point into an array or an object. The whole input is removed, since a part of it
    // would be priced as something else.
    for path in &paths {
        let name = path.split(['[', '.']).next().unwrap_or_default();
        inputs.remove(name);
        if !unseen.iter().any(|known| known == name) {
            unseen.push(name.to_owned());
        }
    }
    unseen
}
