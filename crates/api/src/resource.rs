/// Makes a type that has `metadata` a namespaced Kubernetes resource, as clients want to know it.
macro_rules! namespaced_resource {
    ($kind:ident, $group:literal, $version:literal, $plural:literal) => {
        crate::resource::resource!($kind, $group, $version, $plural, NamespaceResourceScope);
    };
}

/// The same of a resource of the whole cluster.
macro_rules! cluster_resource {
    ($kind:ident, $group:literal, $version:literal, $plural:literal) => {
        crate::resource::resource!($kind, $group, $version, $plural, ClusterResourceScope);
    };
}

macro_rules! resource {
    ($kind:ident, $group:literal, $version:literal, $plural:literal, $scope:ident) => {
        impl k8s_openapi::Resource for $kind {
            const API_VERSION: &'static str = concat!($group, "/", $version);
            const GROUP: &'static str = $group;
            const KIND: &'static str = stringify!($kind);
            const VERSION: &'static str = $version;
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = k8s_openapi::$scope;
        }

        impl k8s_openapi::ListableResource for $kind {
            const LIST_KIND: &'static str = concat!(stringify!($kind), "List");
        }

        impl k8s_openapi::Metadata for $kind {
            type Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

            fn metadata(&self) -> &Self::Ty {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut Self::Ty {
                &mut self.metadata
            }
        }
    };
}

pub(crate) use {cluster_resource, namespaced_resource, resource};
