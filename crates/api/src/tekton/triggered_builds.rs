use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a PipelineRun has started, as upstream's controller notes it on the run: the value of the annotation
/// [`crate::annotations::TRIGGERED_BUILDS`], JSON.
///
/// It is for people, and for programs that look at PipelineRuns. That nothing runs twice does not hang on
/// it; it is honoured all the same, so that a cluster may change from upstream's controller to this program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TriggeredBuilds(pub Vec<TriggeredBuild>);

/// A Build that a PipelineRun has started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggeredBuild {
    /// The name of the Build, in the namespace of the PipelineRun.
    pub build_name: String,
    /// What its rule asked for, and the status at which it fired.
    #[serde(default)]
    pub object_ref: RecordedReference,
}

/// The `objectRef` of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedReference {
    /// The name of the Pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The status at which the rule fired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// The labels by which the run was found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
}

impl TriggeredBuilds {
    /// Reads the annotation; what is absent is an empty record.
    pub fn parse(annotation: Option<&str>) -> Result<Self, serde_json::Error> {
        annotation.map_or(Ok(Self::default()), serde_json::from_str)
    }

    /// Whether `build` is noted as started at one of these names of a status.
    ///
    /// Labels do not matter: people add some to a run that has ended, and that starts nothing.
    pub fn contains(&self, build: &str, status: &[&str]) -> bool {
        self.0.iter().any(|entry| {
            let at = &entry.object_ref.status;
            entry.build_name == build && at.iter().any(|noted| status.contains(&noted.as_str()))
        })
    }

    /// Notes one more Build, unless it is noted already. True if the record has changed.
    pub fn add(&mut self, entry: TriggeredBuild) -> bool {
        let is_new = !self.0.contains(&entry);
        if is_new {
            self.0.push(entry);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(build: &str, status: &[&str], labels: &[(&str, &str)]) -> TriggeredBuild {
        let own = |text: &&str| (*text).to_owned();
        let selector = labels.iter().map(|(key, value)| (own(key), own(value))).collect();
        let status = status.iter().map(own).collect();
        TriggeredBuild {
            build_name: build.to_owned(),
            object_ref: RecordedReference { name: None, status, selector },
        }
    }

    #[test]
    fn the_annotation_is_read() {
        assert_eq!(TriggeredBuilds::parse(None).unwrap(), TriggeredBuilds::default(), "A1");
        assert!(TriggeredBuilds::parse(Some("bogus stuff")).is_err(), "A2");
        let text = r#"[{"buildName":"app","objectRef":{"name":"ci","status":["Succeeded"]}}]"#;
        let record = TriggeredBuilds::parse(Some(text)).unwrap();
        assert_eq!(record.0[0].build_name, "app", "A3");
        assert_eq!(record.0[0].object_ref.name.as_deref(), Some("ci"), "A3");
        assert_eq!(serde_json::to_string(&record).unwrap(), text, "what was read is written the same");
    }

    #[test]
    fn a_record_contains_what_was_started_at_the_status_and_nothing_else() {
        let both = [entry("c", &["Started"], &[]), entry("a", &["Succeeded"], &[])];
        for (line, record, build, status, expected) in [
            ("A4", &[entry("a", &["Succeeded"], &[])][..], "a", "Succeeded", true),
            ("A5", &[], "a", "Succeeded", false),
            ("A6", &[entry("other", &["Succeeded"], &[])], "a", "Succeeded", false),
            ("A7", &[entry("a", &[], &[])], "a", "Succeeded", false),
            ("X1: the first entry is of another Build", &both, "a", "Succeeded", true),
            ("X2: a is done", &both[1..], "a", "Succeeded", true),
            ("X2: b is open", &both[1..], "b", "Succeeded", false),
            ("X3: a label more", &[entry("a", &["Succeeded"], &[("k", "v")])], "a", "Succeeded", true),
            ("another status", &both, "a", "Started", false),
        ] {
            let record = TriggeredBuilds(record.to_vec());
            assert_eq!(record.contains(build, &[status]), expected, "{line}");
        }
    }

    #[test]
    fn what_is_added_comes_last_and_once() {
        let mut record = TriggeredBuilds::default();
        assert_eq!(json!(record), json!([]), "A8");
        assert!(record.add(TriggeredBuild { build_name: "build".to_owned(), ..Default::default() }));
        assert_eq!(json!(record), json!([{"buildName": "build", "objectRef": {}}]), "A9");
        let mut record = TriggeredBuilds(vec![entry("previous-build", &["Started"], &[])]);
        assert!(record.add(entry("build", &["Succeeded"], &[])));
        let names: Vec<_> = record.0.iter().map(|entry| entry.build_name.as_str()).collect();
        assert_eq!(names, ["previous-build", "build"], "A10");
        assert!(!record.add(entry("build", &["Succeeded"], &[])));
        assert_eq!(record.0.len(), 2);
    }
}
