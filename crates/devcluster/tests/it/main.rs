//! The dev cluster as its clients see it: over HTTP, with kube-rs and with kubectl.

mod apply;
mod clients;
mod faults;
mod kubectl;
mod lifecycle;
mod lists;
mod objects;
mod reviews;
mod scene;
mod schemas;
mod simulation;
mod survival;
mod watches;
