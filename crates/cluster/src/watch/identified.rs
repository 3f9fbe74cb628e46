use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

/// An object of kind `K` for kube's watcher and controller, which need its identity. The content is kept as `T`.
pub(crate) struct Identified<K, T> {
    /// Name, namespace, UID and resource version. The other fields are empty.
    pub(crate) metadata: ObjectMeta,
    /// The content.
    pub(crate) content: T,
    kind: PhantomData<fn() -> K>,
}

impl<K, T> Identified<K, T> {
    /// The object with this identity and content.
    pub(crate) fn new(metadata: ObjectMeta, content: T) -> Self {
        Self { metadata, content, kind: PhantomData }
    }
}

impl<K, T: Clone> Clone for Identified<K, T> {
    fn clone(&self) -> Self {
        Self::new(self.metadata.clone(), self.content.clone())
    }
}

/// Without the content, which is large.
impl<K, T> fmt::Debug for Identified<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectMeta { namespace, name, .. } = &self.metadata;
        f.debug_struct("Identified").field("namespace", namespace).field("name", name).finish_non_exhaustive()
    }
}

impl<K: Resource, T> Resource for Identified<K, T> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }

    fn group(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }

    fn version(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }

    fn plural(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
