//! A file per format. The fields of a registry's JSON stay in its file.

mod acr;
mod artifactory;
mod distribution;
mod dockerhub;
mod generic;
mod ghcr;
mod google;
mod harbor;
mod quay;

pub(super) use acr::Acr;
pub(super) use artifactory::Artifactory;
pub(super) use distribution::Distribution;
pub(super) use dockerhub::DockerHub;
pub(super) use generic::Generic;
pub(super) use ghcr::Ghcr;
pub(super) use google::Google;
pub(super) use harbor::Harbor;
pub(super) use quay::Quay;
