//! A small spec that breaks no rule, for tests that break one.

use super::lint;
use crate::spec::{API as API_FILE, MODELS, Model, Source, Spec, parse};

/// `spec/wavespeed.yaml`.
pub(super) const API: &str = r##"
openapi: 3.0.3
info: { title: Test, version: 1.0.0 }
tags: []
paths:
  /things:
    post:
      operationId: make_thing
      requestBody:
        content:
          application/json:
            schema: { $ref: '#/components/schemas/NewThing' }
      responses:
        '200': { $ref: '#/components/responses/Thing' }
  /things/{id}:
    get:
      operationId: get_thing
      parameters:
        - name: id
          in: path
          required: true
          schema:
            type: string
            pattern: ^[A-Za-z0-9_-]{4,128}$
      responses:
        '200': { $ref: "#/components/responses/Thing" }
x-model-operation:
  responses:
    '200': { $ref: '#/components/responses/Thing' }
components:
  responses:
    Thing:
      description: A thing.
      content:
        application/json:
          schema: { $ref: '#/components/schemas/Thing' }
  schemas:
    NewThing: { type: object, properties: { name: { type: string } } }
    Thing:
      type: object
      required: [id]
      properties:
        id: { type: string }
        status: { nullable: true, allOf: [{ $ref: '#/components/schemas/Status' }] }
        note: { type: string, nullable: true }
    Status: { type: string, x-extensible-enum: [on, off], x-terminal: [off] }
"##;

/// A model.
pub(super) const VALID: &str = r"
type: object
description: A model.
x-model: { name: Model, type: test }
properties:
  in: {}
";

/// Where [`in_input`] puts its schema.
pub(super) const INPUT: &str = "spec/models/a/b.yaml: properties.in";

/// A spec of these models, by id.
pub(super) fn spec(models: &[(&str, &str)]) -> Spec {
    spec_of(API, models)
}

/// What is found in a spec.
pub(super) fn lines(spec: &Spec) -> Vec<String> {
    lint(spec).iter().map(ToString::to_string).collect()
}

/// What is found in a model `a/b`.
pub(super) fn model_lines(model: &str) -> Vec<String> {
    lines(&spec(&[("a/b", model)]))
}

/// What is found in a model whose only input has this schema.
pub(super) fn in_input(schema: &str) -> Vec<String> {
    let indented: String = schema.lines().map(|line| format!("\n    {line}")).collect();
    model_lines(&VALID.replace("  in: {}", &format!("  in:{indented}")))
}

/// What is found in this `spec/wavespeed.yaml`.
pub(super) fn api_lines(api: &str) -> Vec<String> {
    lines(&spec_of(api, &[("a/b", VALID)]))
}

/// Each snippet of an input, and the one line it deserves.
pub(super) fn deserve(cases: &[(&str, &str)]) {
    for (snippet, line) in cases {
        assert_eq!(in_input(snippet), [format!("{INPUT}{line}")], "{snippet}");
    }
}

fn spec_of(api: &str, models: &[(&str, &str)]) -> Spec {
    let source = |file: String, text: &str| Source {
        file,
        value: parse(text).unwrap(),
    };
    let model =
        |&(id, text): &(&str, &str)| Model::new(source(format!("{MODELS}/{id}.yaml"), text));
    Spec {
        api: source(API_FILE.to_owned(), api),
        models: models.iter().map(model).collect(),
        reserved_flags: vec!["json".to_owned()],
    }
}

#[test]
fn the_small_spec_breaks_no_rule() {
    assert_eq!(model_lines(VALID), [""; 0]);
}
