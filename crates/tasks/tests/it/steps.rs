//! What comes next, from what is seen.

use serde_json::{Value, json};
use trigger_tasks::{GRACE, ObservedRun, Step, Task, step};

use crate::scene::{at, build_run, custom_run, read, read_run, run, seen, tell};

/// The step of a CustomRun changed like this, whose BuildRun has this condition, so many seconds after its
/// creation.
fn check(change: &Value, condition: Option<(&str, &str)>, seconds: i64, expected: &str) {
    let task = read(&custom_run(change)).unwrap();
    let seen = seen(&build_run(&task, condition, &json!({})));
    assert_eq!(tell(&step(&task, &seen, at(seconds))), expected, "{change} {condition:?}");
}

fn check_without_run(change: &Value, seconds: i64, expected: &str) {
    let task = read(&custom_run(change)).unwrap();
    assert_eq!(tell(&step(&task, &ObservedRun::Absent, at(seconds))), expected, "{change}");
}

fn name_of_run() -> String {
    read(&custom_run(&json!({}))).unwrap().run().name.to_string()
}

fn said(status: &str) -> Value {
    json!({"status": {"conditions": [{"type": "Succeeded", "status": status, "reason": "R", "message": "m"}]}})
}

/// One that has come to its end so many seconds after its creation.
fn ended(status: &str, seconds: i64) -> Value {
    let mut change = said(status);
    change["status"]["completionTime"] = at(seconds).to_string().into();
    change
}

fn cancelled() -> Value {
    json!({"spec": {"status": "RunCancelled", "statusMessage": "the PipelineRun was cancelled."}})
}

/// A status that says: attempt 1 runs since the 100th second.
fn started(retries: u64) -> Value {
    json!({
        "spec": {"timeout": "10m", "retries": retries},
        "status": {"startTime": "2026-01-02T03:01:40Z"},
    })
}

#[test]
fn what_is_done_or_deleted_is_left_alone() {
    for change in
        [said("True"), said("False"), json!({"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z"}})]
    {
        check_without_run(&change, 0, "leave");
        check(&change, Some(("False", "Failed")), 0, "leave");
    }
    let mut both = ended("False", 0);
    both["spec"] = cancelled()["spec"].clone();
    check_without_run(&both, 0, "leave");
}

/// A request to create it had been under way when the task was ended.
#[test]
fn a_run_that_turns_up_after_the_end_is_cancelled() {
    for condition in [None, Some(("Unknown", "Running"))] {
        check(&ended("False", 60), condition, 61, "cancel for the task");
        check(&ended("False", 60), condition, 3659, "cancel for the task");
        check(&ended("False", 60), condition, 3660, "leave");
        check(&ended("True", 60), condition, 61, "leave");
        check(&said("False"), condition, 61, "leave");
    }
    let task = read(&custom_run(&ended("False", 60))).unwrap();
    let running = build_run(&task, Some(("Unknown", "Running")), &json!({}));
    let Step::Cancel(_, patch) = step(&task, &seen(&running), at(61)) else { panic!() };
    let told = build_run(&task, Some(("Unknown", "Running")), &patch);
    assert_eq!(tell(&step(&task, &seen(&told), at(62))), "leave");
    let theirs = json!({"metadata": {"labels": {"trigger.shipwright.io/customrun-uid": "uid-2"}}});
    let theirs = build_run(&task, Some(("Unknown", "Running")), &theirs);
    assert_eq!(tell(&step(&task, &seen(&theirs), at(62))), "leave");
}

#[test]
fn what_has_no_run_gets_one_or_ends() {
    check_without_run(&json!({}), 0, "create");
    check_without_run(&said("Unknown"), 0, "create");
    check_without_run(&cancelled(), 0, "False/CustomRunCancelled");
    let params = json!([{"name": "p", "value": {"k": "v"}}]);
    check_without_run(&json!({"spec": {"params": params}}), 0, "False/InvalidParams");
    // A create that is refused again and again ends with the time of the attempt.
    check_without_run(&json!({}), 3599, "create");
    check_without_run(&json!({}), 3600, "False/CustomRunTimedOut");
    check_without_run(&json!({"spec": {"timeout": "0s"}}), 1_000_000, "create");
    check_without_run(&started(1), 700, "False/CustomRunTimedOut");
}

#[test]
fn a_run_that_was_there_and_is_gone_is_missed() {
    let link = |name: &str| json!({"buildRunName": name, "buildRunNamespace": "team-a"});
    let known = |name: &str| json!({"spec": {"retries": 3}, "status": {"extraFields": link(name)}});
    check_without_run(&known(&name_of_run()), 0, "False/BuildRunMissing");
    // That of an earlier attempt says nothing about this one.
    let mut second = known("release-image-earlier");
    second["status"]["retriesStatus"] = json!([{"startTime": "2026-01-02T03:00:00Z"}]);
    check_without_run(&second, 0, "create");
    let mut both = known(&name_of_run());
    both["spec"] = cancelled()["spec"].clone();
    check_without_run(&both, 0, "False/CustomRunCancelled");
}

#[test]
fn a_run_of_somebody_else_is_not_touched() {
    let task = read(&custom_run(&json!({"spec": {"retries": 1}}))).unwrap();
    let labelled = json!({"labels": {"trigger.shipwright.io/customrun-uid": "uid-2"}});
    for metadata in [labelled, json!({"labels": null, "ownerReferences": null})] {
        let theirs = build_run(&task, Some(("True", "Succeeded")), &json!({ "metadata": metadata }));
        assert_eq!(tell(&step(&task, &seen(&theirs), at(0))), "False/BuildRunNameTaken");
    }
}

/// The controller of `shipwright-io/triggers` names a BuildRun in the status, creates it, and copies its condition.
#[test]
fn a_task_that_another_controller_has_begun_keeps_its_run() {
    let link = json!({"buildRunName": "release-image-x7k2p", "buildRunNamespace": "team-a"});
    let begun =
        json!({"spec": {"retries": 1}, "status": {"startTime": "2026-01-02T03:00:00Z", "extraFields": link}});
    let mut named = begun.clone();
    named["status"]["conditions"] = json!([{"type": "Succeeded", "status": "Unknown", "reason": "Running"}]);
    let task = read(&custom_run(&begun)).unwrap();
    assert_eq!(task.run().to_string(), "team-a/release-image-x7k2p");

    let theirs = |condition| {
        let change = json!({"metadata": {"labels": {"trigger.shipwright.io/customrun-uid": null}}});
        seen(&build_run(&task, Some(condition), &change))
    };
    let Step::Adopt(patch) = step(&task, &theirs(("Unknown", "Running")), at(1)) else { panic!() };
    let adopted = seen(&build_run(&task, Some(("Unknown", "Running")), &patch));
    assert_eq!(tell(&step(&task, &adopted, at(1))), "Unknown/Running");
    assert_eq!(tell(&step(&task, &theirs(("True", "Succeeded")), at(1))), "True/Succeeded");
    assert_eq!(tell(&step(&task, &theirs(("False", "Failed")), at(1))), "Unknown/Started after Failed");
    let stopped = read(&custom_run(&{
        let mut stopped = begun.clone();
        stopped["spec"]["status"] = "RunCancelled".into();
        stopped
    }))
    .unwrap();
    assert_eq!(tell(&step(&stopped, &theirs(("Unknown", "Running")), at(1))), "cancel for the task");

    // It was named and not created yet, so that it can still turn up; or it was there.
    check_without_run(&begun, 1, "create");
    assert_eq!(task.creation(&trigger_tasks::NamedBuild::default()).unwrap().key, task.run());
    assert_eq!(task.delayed("busy", at(1)), None, "a condition would say that it was there");
    check_without_run(&named, 1, "False/BuildRunMissing");

    // Neither a BuildRun elsewhere nor an impossible name is adopted.
    for (namespace, name) in
        [("team-b", "release-image-x7k2p"), ("team-a", "x?watch=true"), ("team-a", "../x")]
    {
        let mut other = begun.clone();
        other["status"]["extraFields"] = json!({"buildRunName": name, "buildRunNamespace": namespace});
        assert_eq!(&*read(&custom_run(&other)).unwrap().run().name, name_of_run(), "{namespace}/{name}");
    }
}

#[test]
fn progress_is_told_once() {
    check(&json!({}), None, 0, "Unknown/Started");
    check(&json!({}), Some(("Unknown", "Pending")), 0, "Unknown/Started");
    check(&json!({}), Some(("Unknown", "Running")), 0, "Unknown/Running");
    check(&json!({}), Some(("Unknown", "BuildRunCanceled")), 0, "Unknown/Running");

    let mut object = custom_run(&json!({"spec": {"timeout": "10m"}}));
    let task = read(&object).unwrap();
    let running = seen(&build_run(&task, Some(("Unknown", "Running")), &json!({})));
    let Step::Write(write) = step(&task, &running, at(20)) else { panic!() };
    assert_eq!(write.patch["metadata"], json!({"resourceVersion": "7"}));
    json_patch::merge(&mut object, &write.patch);
    assert_eq!(
        object["status"],
        json!({
            "conditions": [{
                "type": "Succeeded", "status": "Unknown", "reason": "Running",
                "message": format!("BuildRun {} is running", name_of_run()),
                "lastTransitionTime": "2026-01-02T03:00:20Z",
            }],
            "startTime": "2026-01-02T03:00:20Z",
            "observedGeneration": 1,
            "extraFields": {"buildRunName": name_of_run(), "buildRunNamespace": "team-a"},
        })
    );
    assert_eq!(tell(&step(&read(&object).unwrap(), &running, at(30))), "wait 620s");
}

/// The lines C12 and C13, and what comes of each reason.
#[test]
fn the_end_of_the_run_is_the_end_of_the_task_or_of_its_attempt() {
    let once = json!({"spec": {"retries": 1}});
    let again = |reason: &str| format!("Unknown/Started after {reason}");
    for (reason, without_retries, with_one) in [
        ("Failed", "False/Failed".to_owned(), again("Failed")),
        ("StepOutOfMemory", "False/StepOutOfMemory".to_owned(), again("StepOutOfMemory")),
        ("PodEvicted", "False/PodEvicted".to_owned(), again("PodEvicted")),
        ("SomethingNew", "False/SomethingNew".to_owned(), again("SomethingNew")),
        ("", "False/Failed".to_owned(), again("Failed")),
        ("BuildRunTimeout", "False/CustomRunTimedOut".to_owned(), again("CustomRunTimedOut")),
        ("BuildRunCanceled", "False/BuildRunCanceled".to_owned(), "False/BuildRunCanceled".to_owned()),
        ("UndefinedParameter", "False/UndefinedParameter".to_owned(), "False/UndefinedParameter".to_owned()),
        (
            "VulnerabilitiesFound",
            "False/VulnerabilitiesFound".to_owned(),
            "False/VulnerabilitiesFound".to_owned(),
        ),
        ("BuildNotFound", "False/BuildNotFound".to_owned(), "False/BuildNotFound".to_owned()),
    ] {
        check(&json!({}), Some(("False", reason)), 9, &without_retries);
        check(&once, Some(("False", reason)), 9, &with_one);
    }
    check(&once, Some(("True", "Succeeded")), 9, "True/Succeeded");
    // It was too late, but it is there.
    check(&started(0), Some(("True", "Succeeded")), 9_999, "True/Succeeded");
    check(&cancelled(), Some(("True", "Succeeded")), 9, "True/Succeeded");
    check(&cancelled(), Some(("False", "Failed")), 9, "False/CustomRunCancelled");
    check(&cancelled(), Some(("False", "BuildRunCanceled")), 9, "False/CustomRunCancelled");
}

#[test]
fn a_retry_keeps_the_failed_status_and_begins_anew() {
    let mut object = custom_run(&json!({"spec": {"retries": 2}}));
    for attempt in 1..=2_usize {
        let task = read(&object).unwrap();
        let running = build_run(&task, Some(("Unknown", "Running")), &json!({}));
        let Step::Write(write) = step(&task, &seen(&running), at(10)) else { panic!() };
        json_patch::merge(&mut object, &write.patch);
        let failed = build_run(&task, Some(("False", "Failed")), &json!({}));
        let name = task.run().name.to_string();
        let Step::Write(write) = step(&read(&object).unwrap(), &seen(&failed), at(60)) else { panic!() };
        json_patch::merge(&mut object, &write.patch);

        let status = &object["status"];
        let kept = &status["retriesStatus"][attempt - 1];
        assert_eq!(kept["conditions"][0]["status"], "False");
        assert_eq!(kept["conditions"][0]["reason"], "Failed");
        assert_eq!(kept["extraFields"]["buildRunName"], name);
        assert_eq!(kept["completionTime"], "2026-01-02T03:01:00Z");
        assert!(kept["retriesStatus"].is_null());
        assert_eq!(status["conditions"][0]["status"], "Unknown");
        assert_eq!(status["startTime"], "2026-01-02T03:01:00Z");
        assert!(status["extraFields"].is_null() && status["completionTime"].is_null());
        let next = read(&object).unwrap();
        assert_ne!(*next.run().name, *name, "each attempt has a run of its own");
        assert_eq!(tell(&step(&next, &ObservedRun::Absent, at(60))), "create");
    }
    let task = read(&object).unwrap();
    let failed = build_run(&task, Some(("False", "Failed")), &json!({}));
    let Step::Write(write) = step(&task, &seen(&failed), at(90)) else { panic!() };
    json_patch::merge(&mut object, &write.patch);
    assert_eq!(object["status"]["conditions"][0]["status"], "False");
    assert_eq!(object["status"]["retriesStatus"].as_array().unwrap().len(), 2);
    let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("attempt 3 of 3: ") && message.ends_with("says it"), "{message}");
}

#[test]
fn a_success_has_results_and_nothing_else_has() {
    let task = read(&custom_run(&json!({}))).unwrap();
    let made = json!({"status": {
        "buildSpec": {"output": {"image": "registry.example/web:v1"}}, "output": {"digest": "sha256:01"},
    }});
    let Step::Write(write) =
        step(&task, &seen(&build_run(&task, Some(("True", "Succeeded")), &made)), at(60))
    else {
        panic!()
    };
    let results = write.patch["status"]["results"].as_array().unwrap();
    assert!(results.contains(&json!({"name": "image-digest", "value": "sha256:01"})));
    assert_eq!(write.patch["status"]["completionTime"], "2026-01-02T03:01:00Z");
    let failed = build_run(&task, Some(("False", "Failed")), &made);
    let Step::Write(write) = step(&task, &seen(&failed), at(60)) else { panic!() };
    assert!(write.patch["status"]["results"].is_null());
}

/// The line C14, and what follows.
#[test]
fn cancelling_ends_the_run_and_then_the_task() {
    let task = read(&custom_run(&cancelled())).unwrap();
    for condition in [None, Some(("Unknown", "Pending")), Some(("Unknown", "Running"))] {
        let running = build_run(&task, condition, &json!({}));
        let Step::Cancel(cause, patch) = step(&task, &seen(&running), at(100)) else { panic!() };
        assert_eq!(patch["spec"], json!({"state": "BuildRunCanceled"}));
        // It is not told twice, and not waited for without end.
        let told = build_run(&task, condition, &patch);
        assert_eq!(tell(&step(&task, &seen(&told), at(100))), "wait 130s");
        assert_eq!(tell(&step(&task, &seen(&told), at(129))), "wait 130s");
        assert_eq!(tell(&step(&task, &seen(&told), at(130))), "False/CustomRunCancelled");
        let refused = task.cancel_refused(cause, "may not patch", at(100));
        assert_eq!(
            (refused.said.status.as_str(), refused.said.reason.as_str()),
            ("False", "CustomRunCancelled")
        );
        for part in ["may not patch", "the PipelineRun was cancelled."] {
            assert!(refused.said.message.contains(part), "{}", refused.said.message);
        }
    }
    assert_eq!(GRACE.as_secs(), 30);
}

#[test]
fn an_attempt_that_takes_too_long_is_cancelled_and_may_be_repeated() {
    for (retries, expected) in
        [(0, "False/CustomRunTimedOut"), (1, "Unknown/Started after CustomRunTimedOut")]
    {
        let task = read(&custom_run(&started(retries))).unwrap();
        let running = build_run(&task, Some(("Unknown", "Running")), &json!({}));
        assert_eq!(tell(&step(&task, &seen(&running), at(699))), "Unknown/Running");
        let Step::Cancel(cause, patch) = step(&task, &seen(&running), at(700)) else { panic!() };
        let told = build_run(&task, Some(("Unknown", "Running")), &patch);
        assert_eq!(tell(&step(&task, &seen(&told), at(701))), "wait 730s");
        assert_eq!(tell(&step(&task, &seen(&told), at(730))), expected);
        let ended = build_run(&task, Some(("False", "BuildRunCanceled")), &patch);
        assert_eq!(tell(&step(&task, &seen(&ended), at(705))), expected);
        // Nobody runs twice at the same time.
        assert_eq!(task.cancel_refused(cause, "may not patch", at(700)).said.status, "False");
    }
}

#[test]
fn without_a_limit_nothing_is_too_late_and_without_a_word_an_hour_is() {
    let running = |task: &Task| seen(&build_run(task, Some(("Unknown", "Running")), &json!({})));
    let begun = json!({"status": {"startTime": "2026-01-02T03:00:00Z"}});
    let unsaid = read(&custom_run(&begun)).unwrap();
    assert_eq!(tell(&step(&unsaid, &running(&unsaid), at(3599))), "Unknown/Running");
    assert_eq!(tell(&step(&unsaid, &running(&unsaid), at(3600))), "cancel for its time");
    let mut forever = begun;
    forever["spec"] = json!({"timeout": "0s"});
    let forever = read(&custom_run(&forever)).unwrap();
    assert_eq!(forever.deadline(), None);
    assert_eq!(tell(&step(&forever, &running(&forever), at(10_000_000))), "Unknown/Running");
}

/// The time-out of a Run was for all its attempts.
#[test]
fn a_run_has_its_own_words_and_one_time_for_all_attempts() {
    let check = |change: &Value, condition, seconds, expected: &str| {
        let task = read_run(&run(change)).unwrap();
        let seen = seen(&build_run(&task, condition, &json!({})));
        assert_eq!(tell(&step(&task, &seen, at(seconds))), expected, "{change}");
    };
    check(&cancelled(), Some(("False", "BuildRunCanceled")), 0, "False/RunCancelled");
    let second = json!({
        "spec": {"timeout": "10m", "retries": 5},
        "status": {"startTime": "2026-01-02T03:05:00Z", "retriesStatus": [
            {"startTime": "2026-01-02T03:00:00Z", "conditions": [{"reason": "Failed"}]},
        ]},
    });
    check(&second, Some(("False", "Failed")), 599, "Unknown/Started after Failed, Failed");
    check(&second, Some(("False", "Failed")), 600, "False/Failed");
    check(&second, Some(("False", "BuildRunTimeout")), 600, "False/RunTimedOut");
    check(&second, Some(("Unknown", "Running")), 600, "cancel for its time");
    let workspace = json!({"spec": {"workspaces": [{"name": "w", "volumeClaimTemplate": {"spec": {}}}]}});
    let task = read_run(&run(&workspace)).unwrap();
    assert_eq!(tell(&step(&task, &ObservedRun::Absent, at(0))), "False/RunWorkspaceNotSupported");
}

#[test]
fn what_cannot_be_seen_is_looked_for_until_its_time_is_over() {
    let hidden = |lasting| ObservedRun::Hidden { message: "no".to_owned(), lasting };
    let check = |change: &Value, lasting, seconds, expected: &str| {
        let task = read(&custom_run(change)).unwrap();
        assert_eq!(tell(&step(&task, &hidden(lasting), at(seconds))), expected, "{change} {lasting}");
    };
    for lasting in [false, true] {
        check(&started(1), lasting, 699, "look again");
        check(&started(1), lasting, 700, "False/CustomRunTimedOut");
    }
    check(&cancelled(), false, 0, "look again");
    check(&cancelled(), true, 0, "False/CustomRunCancelled");
}

#[test]
fn what_the_api_server_says_is_passed_on() {
    let task = read(&custom_run(&json!({}))).unwrap();
    let refused = task.refused("exceeded quota: builds", at(0));
    assert_eq!(refused.said.reason, "BuildRunRefused");
    assert!(refused.said.message.contains("exceeded quota: builds"));
    let delayed = task.delayed("the webhook does not answer", at(0)).unwrap();
    assert_eq!((delayed.said.status.as_str(), delayed.said.reason.as_str()), ("Unknown", "Started"));
    assert!(delayed.patch["status"]["extraFields"].is_null(), "nothing was created yet");
    let missing = task.build_missing("web", at(0));
    assert_eq!((missing.said.status.as_str(), missing.said.reason.as_str()), ("False", "BuildNotFound"));
}
