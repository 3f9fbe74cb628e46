use trigger_core::{ChangedFiles, FileList};

use super::glob_list::{GlobComparison, GlobList, GlobSubject};
use super::mistakes;
use super::place::{Place, Places};
use crate::rule_error::RuleError;
use crate::text::list;
use crate::work::{NoStepsLeft, Work};

/// The files that a rule is about: those that the one list includes and the other does not. An event passes if it
/// changes one of them.
pub(super) struct Paths {
    /// Absent: all files.
    included: Option<GlobList>,
    ignored: Option<GlobList>,
}

/// The comparison of a rule's paths with the files of an event, in words.
pub(super) struct ComparedPaths {
    pub(super) passed: bool,
    pub(super) expected: String,
    pub(super) found: String,
}

/// Why the files were not compared.
const TOO_LONG: &str = "there are too many files and patterns to compare";

impl Paths {
    /// `None` if neither list is given.
    pub(super) fn compile(
        included: Option<&[&str]>,
        ignored: Option<&[&str]>,
        places: &Places,
        warnings: &mut Vec<RuleError>,
    ) -> Result<Option<Self>, RuleError> {
        let subject = |place| GlobSubject { noun: "path", place, prefix: "", mistake: mistakes::in_path };
        let (of_included, of_ignored) = (subject(places.paths), subject(places.paths_ignore));
        let included = included.map(|list| GlobList::compile(list, of_included, warnings)).transpose()?;
        let ignored = ignored.map(|list| GlobList::compile(list, of_ignored, warnings)).transpose()?;
        Ok((included.is_some() || ignored.is_some()).then_some(Self { included, ignored }))
    }

    /// Files that are not known pass: a build that is not needed costs less than one that is missed.
    pub(super) fn compare(&self, files: &ChangedFiles, work: &mut Work) -> ComparedPaths {
        let (passed, found) = match files {
            ChangedFiles::Unknown(why) => (true, format!("unknown: {why}")),
            ChangedFiles::Known(files) if files.is_empty() => (false, "none".to_owned()),
            ChangedFiles::Known(files) => match self.first_of(files, work) {
                Ok(Some(path)) => (true, path.to_owned()),
                Ok(None) => (false, list(files.iter())),
                Err(NoStepsLeft) => (true, format!("unknown: {TOO_LONG}")),
            },
        };
        ComparedPaths { passed, expected: self.expected(), found }
    }

    /// The first file that the rule is about.
    fn first_of<'f>(&self, files: &'f FileList, work: &mut Work) -> Result<Option<&'f str>, NoStepsLeft> {
        let mut included = self.included.as_ref().map(GlobList::comparison);
        let mut ignored = self.ignored.as_ref().map(GlobList::comparison);
        let mut is_in = |list: &mut Option<GlobComparison<'_>>, path: &str, without: bool| {
            list.as_mut().map_or(Ok(without), |list| list.includes(path, work))
        };
        for path in files.iter() {
            if is_in(&mut included, path, true)? && !is_in(&mut ignored, path, false)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn expected(&self) -> String {
        let included = self.included.iter().flat_map(GlobList::texts);
        let ignored = self.ignored.iter().flat_map(GlobList::texts).enumerate();
        let ignored = ignored.map(|(place, text)| if place == 0 { format!("ignoring {text}") } else { text });
        let texts: Vec<_> = included.chain(ignored).collect();
        list(texts.iter().map(String::as_str))
    }

    /// How many patterns there are.
    pub(super) fn len(&self) -> usize {
        self.lists().map(GlobList::len).sum()
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        self.lists().map(GlobList::bytes).sum()
    }

    /// The places of its lists.
    pub(super) fn places(&self, places: &Places) -> impl Iterator<Item = Place> {
        let included = self.included.iter().map(|_| places.paths);
        included.chain(self.ignored.iter().map(|_| places.paths_ignore))
    }

    fn lists(&self) -> impl Iterator<Item = &GlobList> {
        [&self.included, &self.ignored].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> ChangedFiles {
        let mut files = FileList::default();
        for path in paths {
            files.insert(path).unwrap();
        }
        ChangedFiles::Known(files)
    }

    fn paths(included: Option<&[&str]>, ignored: Option<&[&str]>) -> Paths {
        let mut warnings = Vec::new();
        let paths = Paths::compile(included, ignored, Places::ANNOTATIONS, &mut warnings).unwrap().unwrap();
        assert_eq!(warnings, []);
        paths
    }

    fn compare(paths: &Paths, files: &ChangedFiles) -> (bool, String) {
        let mut work = Work::default();
        work.begin(&"team-a".into());
        let compared = paths.compare(files, &mut work);
        (compared.passed, compared.found)
    }

    #[test]
    fn the_last_pattern_that_matches_a_file_decides_and_one_file_is_enough() {
        let go: &[&str] = &["**/*.go", "!vendor/**", "vendor/ours/**"];
        for (included, ignored, changed, passes) in [
            (Some(&["web/**"][..]), None, &["web/a.js"][..], true),
            (Some(&["web/**"]), None, &["docs/a.md"], false),
            (Some(&["web/**"]), None, &["docs/a.md", "web/src/a.js"], true),
            (Some(&["web/*"]), None, &["web/src/a.js"], false),
            (Some(&["*.md"]), None, &["docs/a.md"], false),
            (Some(&["**.md"]), None, &["docs/a.md"], true),
            (Some(go), None, &["cmd/main.go"], true),
            (Some(go), None, &["main.go"], true),
            (Some(go), None, &["vendor/x/a.go"], false),
            (Some(go), None, &["vendor/ours/a.txt"], true),
            (Some(&["!docs/**", "**"]), None, &["docs/a.md"], true),
            (None, Some(&["docs/**", "**/*.md"][..]), &["docs/a.png", "web/README.md"], false),
            (None, Some(&["docs/**", "**/*.md"]), &["docs/a.png", "web/a.js"], true),
            (None, Some(&["docs/**", "!docs/api/**"]), &["docs/api/x.yaml"], true),
            (Some(&["web/**"]), Some(&["**/*.md"]), &["web/README.md", "docs/a.txt"], false),
            (Some(&["web/**"]), Some(&["**/*.md"]), &["web/README.md", "web/a.js"], true),
            (Some(&["Dockerfile"]), None, &["Dockerfile"], true),
            (Some(&["Dockerfile"]), None, &["web/Dockerfile"], false),
        ] {
            let (passed, found) = compare(&paths(included, ignored), &files(changed));
            assert_eq!(passed, passes, "{included:?} {ignored:?} {changed:?}: {found}");
        }
    }

    #[test]
    fn the_decision_names_the_files() {
        let web = paths(Some(&["web/**", "!web/docs/**"]), Some(&["**/*.md", "**/*.txt"]));
        assert_eq!(web.expected(), "web/**, !web/docs/**, ignoring **/*.md, **/*.txt");
        assert_eq!(compare(&web, &files(&["a", "web/x", "web/y"])), (true, "web/x".to_owned()));
        assert_eq!(compare(&web, &files(&["a", "b"])), (false, "a, b".to_owned()));
        assert_eq!(compare(&web, &files(&[])), (false, "none".to_owned()));
        let unknown = ChangedFiles::unknown("the branch is new");
        assert_eq!(compare(&web, &unknown), (true, "unknown: the branch is new".to_owned()));
    }

    #[test]
    fn a_comparison_that_is_too_long_passes_and_says_so() {
        let mut many = FileList::default();
        for number in 0..100 {
            many.insert(&format!("a/a/a/{number}")).unwrap();
        }
        let many = ChangedFiles::Known(many);
        let compared = |list: &[&str], work: &mut Work| paths(Some(list), None).compare(&many, work);
        let mut work = Work::of_three("team-a", 300);
        let hostile = compared(&["**/*a*a*a*x"], &mut work);
        assert!(hostile.passed && hostile.found.contains("too many files and patterns"), "{}", hostile.found);
        assert!(compared(&["x/**"], &mut work).found.starts_with("unknown"), "the owner has taken its share");
        // Files that differ from the start of a pattern cost little.
        assert!(!compared(&["x/**"], &mut Work::of_three("team-a", 300)).passed);
    }
}
