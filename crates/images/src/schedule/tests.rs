use super::entry::MIN_SPACING;
use super::*;

const MINUTE: Option<Duration> = Some(Duration::from_mins(1));
const BUSY: PollOutcome = PollOutcome::Failed { permanent: false, retry_after: None };

fn key(namespace: &str, image: &str) -> ImageKey {
    ImageKey::new(&namespace.into(), &ImageRef::parse(image).unwrap())
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The next poll, as image and namespaces.
fn next(schedule: &mut Schedule, now: Instant) -> Option<(ImageRef, Vec<Arc<str>>)> {
    match schedule.next(now) {
        Next::Poll(image, namespaces) => Some((image, namespaces)),
        Next::Wait(_) => None,
    }
}

fn end(schedule: &mut Schedule, polled: &(ImageRef, Vec<Arc<str>>), outcome: PollOutcome, now: Instant) {
    for (n, namespace) in polled.1.iter().enumerate() {
        schedule.ended(&ImageKey::new(namespace, &polled.0), n == 0, outcome, now);
    }
}

/// Polls everything that is due before `until`. `answer` gives the time that an image takes, and the outcome. Returns
/// when each was polled, and the namespace that it was polled for first.
fn play(
    schedule: &mut Schedule,
    start: Instant,
    until: Instant,
    answer: impl Fn(&ImageRef) -> (Duration, PollOutcome),
) -> Vec<(Duration, ImageRef, Arc<str>)> {
    let (mut now, mut polled) = (start, Vec::new());
    let mut in_flight = BTreeMap::<(Instant, ImageRef), Vec<Arc<str>>>::new();
    while now < until {
        while let Some(first) = in_flight.first_entry().filter(|first| first.key().0 <= now) {
            let ((ended, image), namespaces) = first.remove_entry();
            let (_, outcome) = answer(&image);
            end(schedule, &(image, namespaces), outcome, ended);
        }
        match schedule.next(now) {
            Next::Poll(image, namespaces) => {
                polled.push((now - start, image.clone(), Arc::clone(&namespaces[0])));
                let (takes, _) = answer(&image);
                in_flight.insert((now + takes, image), namespaces);
            }
            Next::Wait(wake) => {
                let end = in_flight.keys().next().map(|(end, _)| *end);
                now = wake.into_iter().chain(end).min().unwrap_or(until).max(now + Duration::from_nanos(1));
            }
        }
    }
    polled
}

fn quick(_: &ImageRef) -> (Duration, PollOutcome) {
    (Duration::from_millis(50), PollOutcome::Resolved)
}

#[test]
fn a_thousand_images_are_polled_once_an_interval() {
    let (mut schedule, start, interval) = (Schedule::new(), Instant::now(), seconds(300));
    for n in 0..1000 {
        schedule.set(&key("team", &format!("registry.example/team/image-{n}")), Some(interval), start);
    }
    let polled = play(&mut schedule, start, start + seconds(3600), quick);
    let mut last = HashMap::new();
    for (at, image, _) in &polled {
        let before = last.insert(image.clone(), *at);
        assert!(before.is_none_or(|before| *at >= before + interval), "{image} at {at:?} after {before:?}");
    }
    // An hour holds eleven to twelve intervals with their jitter.
    assert!((10_500..=12_000).contains(&polled.len()), "{}", polled.len());
}

#[test]
fn pauses_grow_with_each_failure() {
    let start = Instant::now();
    let when = |outcome: PollOutcome| {
        let mut schedule = Schedule::new();
        schedule.set(&key("team", "base"), MINUTE, start);
        let polled = play(&mut schedule, start, start + seconds(3600), |_| (Duration::ZERO, outcome));
        let times: Vec<_> = polled.iter().map(|(at, ..)| at.as_secs_f64()).collect();
        times.windows(2).take(6).map(|two| two[1] - two[0]).collect::<Vec<_>>()
    };
    let near = |found: &[f64], expected: &[f64]| {
        let near = |(found, expected): (&f64, &f64)| (*expected..=expected * 1.11).contains(found);
        assert!(found.iter().zip(expected).all(near), "{found:?} instead of {expected:?}");
    };
    near(&when(BUSY), &[15.0, 30.0, 60.0, 120.0, 240.0, 240.0]);
    near(&when(PollOutcome::Failed { permanent: true, retry_after: None }), &[60.0, 120.0, 240.0, 240.0]);
    near(&when(PollOutcome::Failed { permanent: false, retry_after: Some(seconds(500)) }), &[500.0, 500.0]);
}

#[test]
fn a_slow_registry_leaves_room_for_others() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    for n in 0..100 {
        schedule.set(&key("team", &format!("slow.example/i{n}")), MINUTE, start);
    }
    schedule.set(&key("team", "zz.example/quick"), MINUTE, start);
    let polled = play(&mut schedule, start, start + seconds(1), |_| (seconds(15), PollOutcome::Resolved));
    assert_eq!(polled.len(), MAX_CONCURRENT_PER_REGISTRY + 1, "{polled:?}");
}

/// The bad tenant's images are on hosts that hang: one host, or one for each image.
#[test]
fn a_namespace_with_hanging_images_does_not_delay_another() {
    for hosts in [1, 5000] {
        let (mut schedule, start) = (Schedule::new(), Instant::now());
        for n in 0..5000 {
            schedule.set(&key("bad", &format!("h{}.example/i{n}", n % hosts)), Some(seconds(30)), start);
        }
        schedule.set(&key("good", "registry.example/base"), Some(seconds(60)), start);
        let until = start + seconds(3600);
        let polled = play(&mut schedule, start, until, |image| match image.registry() {
            "registry.example" => quick(image),
            _ => (seconds(60), BUSY),
        });
        let good: Vec<_> = polled.iter().filter(|(.., of)| **of == *"good").map(|(at, ..)| *at).collect();
        assert_eq!(good[0], Duration::ZERO);
        // Once a minute, with the jitter.
        assert!(good.windows(2).all(|two| two[1] <= two[0] + seconds(67)), "{hosts}: {good:?}");
    }
}

#[test]
fn namespaces_take_turns_at_a_registry_that_all_of_them_use() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    for n in 0..1000 {
        for bad in ["bad-1", "bad-2", "bad-3"] {
            schedule.set(&key(bad, &format!("registry.example/{bad}/i{n}")), Some(seconds(30)), start);
        }
    }
    for good in ["good", "zz-good"] {
        schedule.set(&key(good, &format!("registry.example/{good}/base")), Some(seconds(60)), start);
    }
    // A poll takes a second: without turns it would be that of the good ones after ten minutes.
    let polled = play(&mut schedule, start, start + seconds(600), |_| (seconds(1), PollOutcome::Resolved));
    for good in ["good", "zz-good"] {
        let times: Vec<_> = polled.iter().filter(|(.., of)| **of == *good).map(|(at, ..)| *at).collect();
        assert!(times[0] <= seconds(2), "{times:?}");
        assert!(times.windows(2).all(|two| two[1] <= two[0] + seconds(70)), "{times:?}");
    }
}

#[test]
fn all_polls_together_are_bounded() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    for n in 0..500 {
        schedule.set(&key(&format!("team-{}", n % 50), &format!("h{n}.example/base")), MINUTE, start);
    }
    let polled: Vec<_> = std::iter::from_fn(|| next(&mut schedule, start)).collect();
    assert_eq!(polled.len(), MAX_CONCURRENT_IN_ALL);
    for polled in &polled {
        end(&mut schedule, polled, PollOutcome::Resolved, start);
    }
    assert!(next(&mut schedule, start).is_some());
}

#[test]
fn namespaces_that_watch_an_image_share_its_polls() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    let names = ["team-a", "team-b", "team-c"];
    for (n, name) in names.into_iter().enumerate() {
        schedule.set(&key(name, "base"), MINUTE, start + seconds(17) * u32::try_from(n).unwrap());
    }
    let polled = play(&mut schedule, start, start + seconds(600), quick);
    // Each once at first; then together.
    assert!(polled.len() <= 14, "{polled:?}");
    let due: Vec<_> = names.iter().map(|name| schedule.due(&key(name, "base")).unwrap()).collect();
    let (first, last) = (due.iter().min().unwrap(), due.iter().max().unwrap());
    assert!(*last - *first <= seconds(6), "they differ by the jitter only");
}

#[test]
fn an_error_of_one_namespace_does_not_slow_down_the_polls_of_another() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    for name in ["bad", "good"] {
        schedule.set(&key(name, "base"), MINUTE, start);
    }
    let mut now = start;
    let mut good = 0;
    while now < start + seconds(1200) {
        match schedule.next(now) {
            Next::Poll(image, names) => {
                for (n, name) in names.iter().enumerate() {
                    let is_bad = **name == *"bad";
                    good += usize::from(!is_bad);
                    let denied = PollOutcome::Failed { permanent: true, retry_after: Some(seconds(3600)) };
                    let outcome = if is_bad { denied } else { PollOutcome::Resolved };
                    schedule.ended(&ImageKey::new(name, &image), n == 0, outcome, now);
                }
            }
            Next::Wait(wake) => now = wake.unwrap(),
        }
    }
    assert!(good >= 18, "{good}");
}

#[test]
fn hints_are_followed_but_at_most_once_a_second() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    let base = key("team", "base");
    schedule.poll_soon(&base, start);
    assert_eq!(schedule.next(start), Next::Wait(None), "not in the schedule");
    schedule.set(&base, None, start);
    let polled = next(&mut schedule, start).unwrap();
    schedule.poll_soon(&base, start);
    assert_eq!(schedule.next(start), Next::Wait(None), "it is in flight");
    end(&mut schedule, &polled, PollOutcome::Resolved, start);
    assert_eq!(schedule.due(&base), Some(start + MIN_SPACING), "the hint may be newer than the answer");
    let later = start + seconds(2);
    let polled = next(&mut schedule, later).unwrap();
    end(&mut schedule, &polled, PollOutcome::Resolved, later);
    assert!(schedule.is_polled_since(&base.image, later));
    assert_eq!(
        schedule.next(later + seconds(9999)),
        Next::Wait(None),
        "without an interval there is one poll"
    );
    for _ in 0..5 {
        schedule.poll_soon(&base, later);
    }
    assert_eq!(schedule.next(later), Next::Wait(Some(later + MIN_SPACING)));
    schedule.retain(|_| false);
    assert_eq!(schedule.next(later + seconds(5)), Next::Wait(None));
    assert_eq!((schedule.images(), schedule.namespaces.len(), schedule.turns.len()), (0, 0, 0));
}

#[test]
fn an_image_that_is_removed_in_flight_leaves_nothing_behind() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    schedule.set(&key("team", "base"), MINUTE, start);
    let polled = next(&mut schedule, start).unwrap();
    schedule.retain(|_| false);
    end(&mut schedule, &polled, PollOutcome::Resolved, start);
    let Schedule { namespaces, turns, sharers, registries, in_flight, .. } = &schedule;
    let left = [namespaces.len(), turns.len(), sharers.len(), registries.len(), *in_flight];
    assert_eq!(left, [0; 5]);
}

#[test]
fn a_follower_polls_after_a_hint_until_the_registry_answers() {
    let (mut schedule, start) = (Schedule::new(), Instant::now());
    let base = key("team", "base");
    schedule.set_polling(false, start);
    schedule.set(&base, MINUTE, start);
    assert_eq!(schedule.next(start + seconds(9999)), Next::Wait(None), "a follower does not poll at first");
    schedule.poll_soon(&base, start);
    let polled = next(&mut schedule, start).unwrap();
    end(&mut schedule, &polled, BUSY, start);
    let Next::Wait(Some(retry)) = schedule.next(start) else { panic!("a hint is retried") };
    let polled = next(&mut schedule, retry).unwrap();
    end(&mut schedule, &polled, PollOutcome::Resolved, retry);
    assert_eq!(schedule.next(retry + seconds(9999)), Next::Wait(None));

    // A new leader polls everything once, and then by interval.
    let led = retry + seconds(10);
    for _ in 0..2 {
        schedule.set_polling(true, led);
    }
    let polled = next(&mut schedule, led).unwrap();
    end(&mut schedule, &polled, PollOutcome::Resolved, led);
    let Next::Wait(Some(due)) = schedule.next(led) else { panic!("by its interval") };
    assert!(due >= led + seconds(60) && due <= led + seconds(66));
    schedule.set_polling(false, led);
    assert_eq!(schedule.next(led + seconds(9999)), Next::Wait(None), "a deposed leader stops at once");
}

proptest::proptest! {
    /// Intervals come from Builds and operators, pauses from registries.
    #[test]
    fn no_duration_overflows(interval: Option<Duration>, retry_after: Option<Duration>, permanent: bool, polls in 1..40_u32) {
        let (mut schedule, mut now) = (Schedule::new(), Instant::now());
        let base = key("team", "base");
        schedule.set(&base, interval, now);
        for n in 0..polls {
            if let Some(polled) = next(&mut schedule, now) {
                let failed = PollOutcome::Failed { permanent, retry_after };
                end(&mut schedule, &polled, if n % 3 == 0 { PollOutcome::Resolved } else { failed }, now);
            }
            schedule.poll_soon(&base, now);
            now = schedule.due(&base).unwrap_or(now);
        }
        schedule.set(&base, retry_after, now);
    }
}
