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

    /// Notes Builds as started for `reference`, and drops what was started for another status. True if a Build was not
    /// noted before.
    ///
    /// Upstream's controller starts everything again, without end, unless it finds an entry that equals its own idea of
    /// the run before it finds one for a Build that the present status does not start. So the entries are those of the
    /// present status alone, all with the present reference.
    pub fn note(&mut self, builds: &[String], reference: &RecordedReference) -> bool {
        let mut names: Vec<String> = Vec::new();
        let known = self.0.drain(..).filter(|entry| entry.object_ref.status == reference.status);
        for name in known.map(|entry| entry.build_name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let before = names.len();
        for name in builds {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let is_new = names.len() > before;
        let entry = |build_name| TriggeredBuild { build_name, object_ref: reference.clone() };
        self.0 = names.into_iter().map(entry).collect();
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

    /// Whether upstream's controller finds that it has started `builds`, those that the run starts now, for `reference`.
    fn upstream_contains(record: &TriggeredBuilds, builds: &[&str], reference: &RecordedReference) -> bool {
        for entry in &record.0 {
            if !builds.contains(&entry.build_name.as_str()) {
                return false;
            }
            if entry.object_ref == *reference {
                return true;
            }
        }
        false
    }

    #[test]
    fn upstreams_controller_finds_what_was_noted() {
        let reference = |status: &str| entry("", &[status], &[("tekton.dev/pipeline", "ci")]).object_ref;
        let noted = |builds: &[&str]| builds.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut record = TriggeredBuilds::default();
        assert_eq!(json!(record), json!([]), "A8");
        assert!(record.note(&noted(&["c"]), &reference("Started")));
        assert_eq!(record.0.len(), 1, "A9");
        assert!(upstream_contains(&record, &["c"], &reference("Started")));
        assert!(!record.note(&noted(&["c"]), &reference("Started")), "it is noted already");

        // Upstream appends (A10), and starts `a` without end because the first entry is of another Build.
        assert!(record.note(&noted(&["a", "b"]), &reference("Succeeded")));
        assert!(upstream_contains(&record, &["a", "b"], &reference("Succeeded")));
        assert!(record.note(&noted(&["late"]), &reference("Succeeded")));
        assert!(upstream_contains(&record, &["a", "b", "late"], &reference("Succeeded")));
        let names: Vec<_> = record.0.iter().map(|entry| entry.build_name.as_str()).collect();
        assert_eq!(names, ["a", "b", "late"]);
    }
}
