use trigger_core::ObjectKey;
use trigger_rules::SecretOrigin;

/// Why every delivery for the rules of an owner is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The owner names no Secret for webhooks.
    #[error(
        "it names no Secret with a webhook key, so every delivery is rejected: set `spec.trigger.triggerSecret`"
    )]
    NoSecret,
    /// The owner names no Secret for webhooks, and its clone Secret, which would be taken instead, cannot be.
    #[error(
        "it names no trigger Secret, and the clone Secret {0} holds no webhook key, so every delivery is rejected: set \
         `spec.trigger.triggerSecret`"
    )]
    NoKeyToClone(ObjectKey),
    /// The Secret does not exist.
    #[error(
        "the Secret {0} does not exist, so every delivery is rejected: create it with the webhook's key as \
         `webhook-secret`, or correct `spec.trigger.triggerSecret`"
    )]
    Missing(ObjectKey),
    /// The Secret holds no key.
    #[error(
        "the Secret {0} holds no webhook key, so every delivery is rejected: add the webhook's key to it as \
         `webhook-secret`"
    )]
    NoKey(ObjectKey),
}

impl KeyError {
    /// A reason in the style of Kubernetes Events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoSecret | Self::NoKeyToClone(_) => "TriggerNoSecret",
            Self::Missing(_) => "TriggerSecretMissing",
            Self::NoKey(_) => "TriggerSecretHasNoKey",
        }
    }

    /// The error of a Secret that holds no key, named by this field.
    pub fn without_key(secret: &ObjectKey, origin: SecretOrigin) -> Self {
        match origin {
            SecretOrigin::TriggerSecret => Self::NoKey(secret.clone()),
            SecretOrigin::CloneSecret => Self::NoKeyToClone(secret.clone()),
        }
    }

    /// The error of a Secret that does not exist, named by this field.
    pub fn missing(secret: &ObjectKey, origin: SecretOrigin) -> Self {
        match origin {
            SecretOrigin::TriggerSecret => Self::Missing(secret.clone()),
            SecretOrigin::CloneSecret => Self::NoKeyToClone(secret.clone()),
        }
    }
}
