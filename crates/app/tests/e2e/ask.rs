//! Asking the admin API as somebody, with every answer checked against the OpenAPI document.

use reqwest::{Method, StatusCode, header};
use serde_json::Value;

use crate::schema;
use crate::world::World;

/// An answer of the admin API.
#[derive(Debug, Clone)]
pub struct Told {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    /// What it says; a text, if it is no JSON.
    pub body: Value,
}

impl World {
    pub async fn ask(&self, user: &str, path: &str) -> Told {
        self.tell(user, Method::GET, path, None).await
    }

    pub async fn order(&self, user: &str, path: &str, body: Value) -> Told {
        self.tell(user, Method::POST, path, Some(body)).await
    }

    /// The answer, which must be one that is well-formed and described.
    pub async fn tell(&self, user: &str, method: Method, path: &str, body: Option<Value>) -> Told {
        let document = self.fetch("admin", Method::GET, "/openapi.json", None).await.body;
        let told = self.fetch(user, method.clone(), path, body).await;
        assert_eq!(told.headers[header::CACHE_CONTROL], "no-store");
        let path = format!("/api/v1{}", path.split('?').next().unwrap());
        let described = described(&document, &path, &method);
        let fits = if told.status.is_success() {
            let answer = &described["responses"][told.status.as_str()]["content"];
            assert!(answer.is_object(), "{path} {} is not described", told.status);
            answer.get("application/json").map(|media| schema::check(&document, &media["schema"], &told.body))
        } else {
            assert_eq!(told.headers[header::CONTENT_TYPE], "application/problem+json");
            let problem = &document["components"]["responses"]["Problem"]["content"];
            let schema = &problem["application/problem+json"]["schema"];
            assert_eq!(told.body["status"], told.status.as_u16());
            Some(schema::check(&document, schema, &told.body))
        };
        assert_eq!(fits.unwrap_or(Ok(())), Ok(()), "{path}: {told:?}");
        told
    }

    async fn fetch(&self, user: &str, method: Method, path: &str, body: Option<Value>) -> Told {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.admin_url()));
        if !user.is_empty() {
            request = request.bearer_auth(self.token(user));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Told { status, headers, body }
    }
}

/// What the document says about a path as it is asked for.
fn described<'a>(document: &'a Value, path: &str, method: &Method) -> &'a Value {
    let same = |template: &str| {
        let (ours, theirs) = (template.split('/'), path.split('/'));
        ours.clone().count() == theirs.clone().count()
            && ours.zip(theirs).all(|(ours, theirs)| ours == theirs || ours.starts_with('{'))
    };
    let (_, found) = document["paths"].as_object().unwrap().iter().find(|(path, _)| same(path)).unwrap();
    &found[method.as_str().to_lowercase()]
}
