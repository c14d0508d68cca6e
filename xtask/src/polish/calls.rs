//! The calls of the account. progenitor sends each request by itself and returns types of its own, so
//! each method is rewritten: it only describes its request, and the hand-written `Client::send` adds the
//! API key, sends it and reads the answer.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Block, Expr, ExprCall, ExprMethodCall, File, Ident, ImplItem, ImplItemFn, Item, ItemImpl,
    LitStr, Macro, Token, Type, TypeReference, parse_quote,
};

use crate::error::Error;

/// The methods that progenitor calls on a request and that describe nothing of it.
const IGNORED: &[&str] = &["headers", "build"];

/// Keeps of a file the module of types and the calls, and rewrites the calls.
///
/// # Errors
/// [`Error::Generator`] if there is no call, or if a call does more than the rewritten one would.
pub(super) fn rework(file: &mut File) -> Result<(), Error> {
    let mut calls = 0;
    let mut items = Vec::new();
    for item in std::mem::take(&mut file.items) {
        match item {
            Item::Mod(module) if module.ident == "types" => items.push(Item::Mod(module)),
            Item::Impl(block) if is_of_client(&block) => {
                let block = methods(block)?;
                calls += block.items.len();
                items.extend((!block.items.is_empty()).then_some(Item::Impl(block)));
            }
            // The client itself is written by hand.
            _ => {}
        }
    }
    if calls == 0 {
        return Err(stopped("the calls", "there is none to rewrite"));
    }
    let has_arguments = |item: &Item| item.to_token_stream().to_string().contains("encode_path");
    let client: Item = match items.iter().any(has_arguments) {
        true => parse_quote!(
            use crate::client::{Client, encode_path};
        ),
        false => parse_quote!(
            use crate::client::Client;
        ),
    };
    let imports: [Item; 3] = [
        parse_quote!(
            use reqwest::Method;
        ),
        parse_quote!(
            use crate::answer::{Answer, CallError};
        ),
        client,
    ];
    file.items = imports.into_iter().chain(items).collect();
    Ok(())
}

fn is_of_client(block: &ItemImpl) -> bool {
    let is_client = matches!(&*block.self_ty, Type::Path(ty) if ty.path.is_ident("Client"));
    is_client && block.trait_.is_none()
}

/// Rewrites the calls of a block and drops its other methods, which are constructors.
fn methods(mut block: ItemImpl) -> Result<ItemImpl, Error> {
    block.attrs.clear();
    let calls = block.items.into_iter().filter_map(|item| match item {
        ImplItem::Fn(method) if method.sig.asyncness.is_some() => Some(method),
        _ => None,
    });
    let calls = calls.map(|method| call(method).map(ImplItem::Fn));
    block.items = calls.collect::<Result<_, _>>()?;
    Ok(block)
}

fn call(mut method: ImplItemFn) -> Result<ImplItemFn, Error> {
    let at = format!("Client::{}", method.sig.ident);
    let mut parts = Parts::default();
    parts.visit_block(&method.block);
    method.block = parts
        .into_body()
        .map_err(|message| stopped(&at, &message))?;
    method.attrs.retain(|attr| attr.path().is_ident("doc"));
    // One elided lifetime says the same as a named one.
    method.sig.generics = syn::Generics::default();
    Elided.visit_signature_mut(&mut method.sig);
    method.sig.output = parse_quote!(-> Result<Answer, CallError>);
    Ok(method)
}

fn stopped(at: &str, message: &str) -> Error {
    Error::Generator {
        at: at.to_owned(),
        message: message.to_owned(),
    }
}

/// The parts of a request, as the body of a method builds it.
#[derive(Default)]
struct Parts {
    /// The methods called on the request and on the client, with their arguments.
    steps: BTreeMap<String, Vec<Vec<Expr>>>,
    /// The HTTP methods of the request.
    verbs: Vec<String>,
    /// The format of each URL, without the base URL, and its arguments.
    urls: Vec<(String, TokenStream)>,
}

impl<'a> Visit<'a> for Parts {
    fn visit_macro(&mut self, call: &'a Macro) {
        let parts = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(call.tokens.clone());
        let Ok(parts) = parts else { return };
        let mut parts = parts.into_iter();
        let format = parts.next().map(|format| format.to_token_stream());
        let format = format.and_then(|format| syn::parse2::<LitStr>(format).ok());
        let Some(format) = format.filter(|_| call.path.is_ident("format")) else {
            return;
        };
        // The first argument is the base URL.
        let arguments = parts.skip(1).map(|mut argument| {
            Plain.visit_expr_mut(&mut argument);
            argument.to_token_stream()
        });
        let path = format.value().trim_start_matches("{}").to_owned();
        self.urls.push((path, quote!(#(, #arguments)*)));
    }

    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        let (receiver, name) = (call.receiver.to_token_stream(), call.method.to_string());
        if is_field(receiver, "client") {
            self.verbs.push(name.to_uppercase());
        } else if root(&call.receiver).is_some_and(|root| is_field(root, "client")) {
            let arguments = call.args.iter().cloned().collect();
            self.steps.entry(name).or_default().push(arguments);
        }
    }
}

impl Parts {
    /// Returns the body of the rewritten method.
    fn into_body(mut self) -> Result<Block, String> {
        let ([verb], [(path, arguments)]) = (&self.verbs[..], &self.urls[..]) else {
            return Err("it does not send one request to one URL".into());
        };
        let verb = Ident::new(verb, Span::call_site());
        let path = match arguments.is_empty() {
            true => quote!(#path),
            false => quote!(&format!(#path #arguments)),
        };
        for name in IGNORED {
            self.steps.remove(*name);
        }
        let queries = self.steps.remove("query").unwrap_or_default();
        let queries = queries.iter().map(|arguments| query(arguments));
        let queries = queries.collect::<Option<Vec<_>>>();
        let queries = queries.ok_or("a parameter of its query is not understood")?;
        let bodies = self.steps.remove("json").unwrap_or_default();
        let bodies = bodies.iter().flatten().map(|body| match body {
            // The parameter is a reference already.
            Expr::Reference(body) => body.expr.to_token_stream(),
            body => body.to_token_stream(),
        });
        if let Some(name) = self.steps.keys().next() {
            return Err(format!("it also calls `{name}` on its request"));
        }
        Ok(parse_quote!({
            let request = self.request(Method::#verb, #path)? #(#queries?)* #(.json(#bodies)?)*;
            self.send(request).await
        }))
    }
}

/// Returns the call that adds a parameter, from the arguments of progenitor's: one
/// `QueryParam::new(name, value)`.
fn query(arguments: &[Expr]) -> Option<TokenStream> {
    let [Expr::Reference(parameter)] = arguments else {
        return None;
    };
    let Expr::Call(ExprCall { args, .. }) = &*parameter.expr else {
        return None;
    };
    (args.len() == 2).then(|| quote!(.query(#args)))
}

/// Returns the expression that a chain of method calls starts with.
fn root(receiver: &Expr) -> Option<TokenStream> {
    match receiver {
        Expr::MethodCall(call) => root(&call.receiver),
        other => Some(other.to_token_stream()),
    }
}

/// Returns `true` if an expression is this field of `self`.
fn is_field(expression: TokenStream, name: &str) -> bool {
    let words: Vec<String> = expression
        .into_iter()
        .map(|token: TokenTree| token.to_string())
        .collect();
    words == ["self", ".", name]
}

/// Turns `encode_path(&id.to_string())` into `encode_path(id)`.
struct Plain;

impl VisitMut for Plain {
    fn visit_expr_call_mut(&mut self, call: &mut ExprCall) {
        visit_mut::visit_expr_call_mut(self, call);
        for argument in &mut call.args {
            if let Expr::Reference(reference) = argument
                && let Expr::MethodCall(text) = &*reference.expr
                && text.method == "to_string"
            {
                *argument = (*text.receiver).clone();
            }
        }
    }
}

/// Removes the names of lifetimes.
struct Elided;

impl VisitMut for Elided {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        visit_mut::visit_type_reference_mut(self, reference);
        reference.lifetime = None;
    }

    fn visit_receiver_mut(&mut self, receiver: &mut syn::Receiver) {
        *receiver = parse_quote!(&self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that is left of a method with this body.
    fn reworked(body: &str) -> Result<String, String> {
        let text = format!(
            "struct Client; impl Client {{ fn new() {{}}
             pub async fn get_job<'a>(&'a self, id: &'a str, body: &'a types::Job, all: Option<bool>)
                 -> Result<ResponseValue<ByteStream>, Error<()>> {{ {body} }} }}"
        );
        let mut file = syn::parse_str(&text).unwrap();
        rework(&mut file).map_err(|error| error.to_string())?;
        Ok(prettyplease::unparse(&file))
    }

    #[test]
    fn call_keeps_its_method_path_query_and_body() {
        let text = reworked(
            r#"let url = format!("{}/jobs/{}/all", self.baseurl, encode_path(&id.to_string()),);
               let mut request = self.client.post(url).json(&body)
                   .query(&progenitor_client::QueryParam::new("all", &all))
                   .headers(header_map).build()?;
               let result = self.exec(request, &info).await;
               match response.status().as_u16() { _ => Err(Error::UnexpectedResponse(response)) }"#,
        );
        let expected = "use reqwest::Method;
use crate::answer::{Answer, CallError};
use crate::client::{Client, encode_path};
impl Client {
    pub async fn get_job(
        &self,
        id: &str,
        body: &types::Job,
        all: Option<bool>,
    ) -> Result<Answer, CallError> {
        let request = self
            .request(Method::POST, &format!(\"/jobs/{}/all\", encode_path(id)))?
            .query(\"all\", &all)?
            .json(body)?;
        self.send(request).await
    }
}
";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn call_that_is_not_understood_is_an_error() {
        let url = r#"let url = format!("{}/jobs", self.baseurl);"#;
        for (body, message) in [
            (String::new(), "it does not send one request to one URL"),
            (
                format!("{url} self.client.get(url); self.client.get(url);"),
                "it does not send one request to one URL",
            ),
            (
                format!("{url} self.client.get(url).multipart(form);"),
                "it also calls `multipart` on its request",
            ),
            (
                format!("{url} self.client.get(url).query(&all);"),
                "a parameter of its query is not understood",
            ),
        ] {
            let expected = format!("the generator stopped at Client::get_job: {message}");
            assert_eq!(reworked(&body), Err(expected));
        }
    }

    #[test]
    fn text_without_calls_is_an_error() {
        let mut file = syn::parse_str("impl Client { fn new() {} }").unwrap();
        assert_eq!(
            rework(&mut file).unwrap_err().to_string(),
            "the generator stopped at the calls: there is none to rewrite"
        );
    }
}
