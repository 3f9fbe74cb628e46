//! The interceptors that work in process, under the names of Tekton's ClusterInterceptors, and `git`, which is ours. A kind is a file or folder here
//! and a line in [`KINDS`]; a test compares the two.

mod bitbucket;
mod cel;
mod git;
mod github;
mod gitlab;
mod slack;

use super::interceptor::CoreKind;

/// Every kind that works in process. Adding one is a file or folder and a line here.
#[rustfmt::skip]
pub(super) static KINDS: &[&dyn CoreKind] = &[
    &bitbucket::Bitbucket,
    &cel::Cel,
    &git::Git,
    &github::GitHub,
    &gitlab::GitLab,
    &slack::Slack,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_and_folder_is_a_line_in_the_table() {
        let lines: BTreeSet<_> = KINDS.iter().map(|kind| kind.name().to_owned()).collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/interceptors/kinds");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let stems = entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
        assert_eq!(lines, stems.filter(|stem| stem != "mod").collect());
        assert_eq!(lines.len(), KINDS.len());
    }
}
