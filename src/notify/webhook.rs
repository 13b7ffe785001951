//! Any program: the message as JSON, with a key that stays the same each time it is sent, and signed. Knows no receiver.
//!
//! `X-Okrd-Signature: sha256=<hex>` is the HMAC-SHA256 of `<X-Okrd-Timestamp>.<body>`; the timestamp is that of sending, in
//! seconds since 1970. docs/notifications.md tells how to check it.

use async_trait::async_trait;
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::message::Message;
use super::post::{Address, DEADLINE, Post, Refusal};
use crate::config::secret::SecretRef;
use crate::config::spec::HttpSpec;
use crate::domain::fault::{Fault, FaultClass};
use crate::net::request::{Method, Request};
use crate::source::endpoint::Endpoint;

/// What the body is; it only ever gains members under this number.
const VERSION: u32 = 1;

/// A program that takes messages.
pub struct Webhook {
    endpoint: Endpoint,
    secret: Option<SecretRef>,
}

impl Webhook {
    /// The program at this address, and the key to sign with.
    #[must_use]
    pub fn new(spec: &HttpSpec, secret: Option<&SecretRef>) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            secret: secret.cloned(),
        }
    }

    fn request(&self, to: Address<'_>, message: &Message) -> Result<Request, Fault> {
        let body = document(to, message).to_string().into_bytes();
        let timestamp = to.at.as_second().to_string();
        let signature = self.secret.as_ref().map(|place| {
            let secret = place.read();
            let secret = secret.map_err(|e| Fault::new(FaultClass::Config, e.to_string()))?;
            sign(secret.expose().as_bytes(), &timestamp, &body)
        });
        let signature = signature.transpose()?;
        let body = Some(("application/json", body));
        let request = self.endpoint.request(Method::Post, "", body, DEADLINE)?;
        let request = request
            .header("idempotency-key", to.key)?
            .header("x-okrd-timestamp", &timestamp)?;
        match signature {
            Some(signature) => request.header("x-okrd-signature", &format!("sha256={signature}")),
            None => Ok(request),
        }
    }
}

fn document(to: Address<'_>, message: &Message) -> serde_json::Value {
    json!({ "version": VERSION, "id": to.key, "message": message })
}

/// HMAC-SHA256 in hex.
fn sign(secret: &[u8], timestamp: &str, body: &[u8]) -> Result<String, Fault> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.map_err(|e| Fault::new(FaultClass::Internal, e.to_string()))?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(format!("{:x}", mac.finalize().into_bytes()))
}

#[async_trait]
impl Post for Webhook {
    async fn deliver(&self, to: Address<'_>, message: &Message) -> Result<Option<String>, Refusal> {
        let answer = self.endpoint.send(self.request(to, message)?).await?;
        match answer.fail_on_status() {
            Ok(_) => Ok(None),
            Err(fault) => Err(Refusal::of(answer.guard(fault), Some(answer.status))),
        }
    }

    fn preview(&self, to: Address<'_>, message: &Message) -> String {
        format!("{:#}", document(to, message))
    }

    fn credentials(&self) -> u64 {
        let places: Vec<SecretRef> = self.secret.iter().cloned().collect();
        self.endpoint.credentials_with(&places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, and the same over a timestamp and a body.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        assert_eq!(
            format!("{:x}", mac.finalize().into_bytes()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        // printf '1790000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            sign(b"key", "1790000000", b"{\"a\":1}").unwrap(),
            "7a4d26944722100249410c8c7f2e76c3cc6e9735fcc98b39e44a122da5490ffc"
        );
    }
}
