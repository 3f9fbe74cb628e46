/// Defines a kind: its struct, reading by Go's rules, and the resource.
macro_rules! kind {
    ($(#[$doc:meta])* $kind:ident, $spec:ty, $version:literal, $plural:literal, $resource:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "serde_json::Value")]
        pub struct $kind {
            /// Standard object metadata, without `managedFields`.
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What its author says.
            pub spec: $spec,
            /// What its controller says. Kept as it is.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub status: Option<serde_json::Value>,
        }

        impl $crate::triggers::decode::Decode for $kind {
            fn decode(
                value: serde_json::Value,
                decoder: &mut $crate::triggers::decode::Decoder,
            ) -> Result<Self, $crate::triggers::DecodeError> {
                let mut fields = decoder.fields(value)?;
                fields.take("apiVersion");
                fields.take("kind");
                let metadata = fields.read(decoder, "metadata", $crate::triggers::decode::metadata)?;
                let spec = fields.object(decoder, "spec")?;
                let status = Some(fields.take("status")).filter(|status| !status.is_null());
                fields.other(decoder);
                Ok(Self { metadata, spec, status })
            }
        }

        impl TryFrom<serde_json::Value> for $kind {
            type Error = $crate::triggers::DecodeError;

            fn try_from(object: serde_json::Value) -> Result<Self, Self::Error> {
                use $crate::triggers::decode::{Decode, Decoder};
                Self::decode(object, &mut Decoder::default())
            }
        }

        $crate::resource::$resource!($kind, "triggers.tekton.dev", $version, $plural);
    };
}

pub(super) use kind;
