use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use trigger_core::ImageRef;

/// When which registry is asked about which image. Pure: it is told what time it is.
///
/// One registry is asked no more often than its rate allows and has few requests at the same time, so one that
/// is slow leaves room for the others.
pub(super) struct Schedule {
    entries: HashMap<ImageRef, Entry>,
    /// What is due when. Images that are being asked about are not in it.
    queue: BTreeSet<(Instant, ImageRef)>,
    registries: HashMap<Box<str>, Load>,
    /// Between two requests to one registry.
    spacing: Duration,
    under_way: usize,
    /// Whether images come due as time goes by. If not, only hints count.
    by_time: bool,
}

struct Entry {
    /// Without one the image is asked about when something hints at a change, and once at first.
    interval: Option<Duration>,
    due: Option<Instant>,
    asked: Option<Instant>,
    /// Since the last success.
    failures: u32,
    under_way: bool,
    /// A hint came while it was being asked about.
    again: bool,
    /// Differs between images and between looks.
    looks: u32,
}

#[derive(Default)]
struct Load {
    free_from: Option<Instant>,
    under_way: usize,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask about this image.
    Ask(ImageRef),
    /// Nothing is due before this moment, or at all.
    Wait(Option<Instant>),
}

/// How asking about an image ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is known what the image stands for.
    Known,
    /// It is not known. If the fault lasts until somebody acts, there is no hurry.
    Failed {
        /// Whether somebody has to act.
        lasting: bool,
        /// How long the registry wants to be left alone.
        hold: Option<Duration>,
    },
}

/// Requests at the same time, to all registries and to one.
const SIDE_BY_SIDE: usize = 64;
const PER_REGISTRY: usize = 4;
/// An image is not asked about more often, whatever hints come.
const AT_LEAST_APART: Duration = Duration::from_secs(1);
/// A fault that may pass is looked into after so long, then after twice that, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(15);
/// The longest pause after many faults, as a multiple of the interval.
const LONGEST_PAUSE: u32 = 4;
/// Where there is no interval: pauses grow up to this.
const WITHOUT_INTERVAL: Duration = Duration::from_mins(10);
/// Requests take different times on their way; so much further apart, no more of them arrive in a second.
const SLACK: f64 = 1.02;
/// Intervals are lengthened by up to a tenth, so that images do not come due together for ever.
const JITTER: f64 = 0.1;

impl Schedule {
    /// An empty one. `rate` is in requests a second, to one registry.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            entries: HashMap::new(),
            queue: BTreeSet::new(),
            registries: HashMap::new(),
            spacing: Duration::try_from_secs_f64(SLACK / rate).unwrap_or(Duration::from_secs(1)),
            under_way: 0,
            by_time: true,
        }
    }

    /// Whether images are asked about as time goes by, or only when something hints at a change. Who begins to
    /// knows nothing of what was asked before, so everything is due; who ends does so at once.
    pub(super) fn go_by_time(&mut self, by_time: bool, now: Instant) {
        if std::mem::replace(&mut self.by_time, by_time) == by_time {
            return;
        }
        let idle = self.entries.iter().filter(|(_, entry)| !entry.under_way);
        let idle: Vec<_> = idle.map(|(image, _)| image.clone()).collect();
        for image in idle {
            if by_time {
                self.hurry(&image, now);
            } else {
                self.dequeue(&image);
            }
        }
    }

    /// Takes an image in, due at once if it goes by time; or gives one that is known another interval.
    pub(super) fn set(&mut self, image: &ImageRef, interval: Option<Duration>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(image) {
            if entry.interval != interval {
                entry.interval = interval;
                if self.by_time {
                    self.hurry(image, now);
                }
            }
            return;
        }
        let entry =
            Entry { interval, due: None, asked: None, failures: 0, under_way: false, again: false, looks: 0 };
        self.entries.insert(image.clone(), entry);
        if self.by_time {
            self.enqueue(image, now);
        }
    }

    /// Lets go of the images for which this is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&ImageRef) -> bool) {
        let gone: Vec<_> = self.entries.keys().filter(|image| !keep(image)).cloned().collect();
        for image in gone {
            self.dequeue(&image);
            self.entries.remove(&image);
        }
        let used: HashSet<_> = self.entries.keys().map(ImageRef::registry).collect();
        self.registries.retain(|registry, load| load.under_way > 0 || used.contains(registry.as_ref()));
    }

    /// Has an image asked about soon: something hints at a change. False if it is not known here.
    pub(super) fn hurry(&mut self, image: &ImageRef, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(image) else { return false };
        if entry.under_way {
            entry.again = true;
            return true;
        }
        let soon = entry.asked.map_or(now, |asked| now.max(asked + AT_LEAST_APART));
        if entry.due.is_none_or(|due| due > soon) {
            self.enqueue(image, soon);
        }
        true
    }

    /// What to do now. An image that is to be asked about counts as being asked about until [`Self::ended`].
    pub(super) fn next(&mut self, now: Instant) -> Next {
        let mut wake = None::<Instant>;
        let mut found = None;
        for (due, image) in &self.queue {
            if *due > now {
                wake = Some(wake.map_or(*due, |wake| wake.min(*due)));
                break;
            }
            let load = self.registries.get(image.registry());
            if self.under_way >= SIDE_BY_SIDE || load.is_some_and(|load| load.under_way >= PER_REGISTRY) {
                // Its turn comes when another one has ended.
                continue;
            }
            let Some(free) = load.and_then(|load| load.free_from).filter(|free| *free > now) else {
                found = Some(image.clone());
                break;
            };
            wake = Some(wake.map_or(free, |wake| wake.min(free)));
        }
        let Some(image) = found else { return Next::Wait(wake) };
        self.dequeue(&image);
        self.under_way += 1;
        let load = self.registries.entry(image.registry().into()).or_default();
        load.under_way += 1;
        load.free_from = Some(now + self.spacing);
        if let Some(entry) = self.entries.get_mut(&image) {
            entry.under_way = true;
            entry.asked = Some(now);
            entry.looks = entry.looks.wrapping_add(1);
        }
        Next::Ask(image)
    }

    /// Notes how asking about an image ended, after `requests` of them.
    pub(super) fn ended(&mut self, image: &ImageRef, ending: Ending, requests: u32, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        let load = self.registries.entry(image.registry().into()).or_default();
        load.under_way = load.under_way.saturating_sub(1);
        // The first request was counted when it was due.
        let used = self.spacing * requests.saturating_sub(1);
        let held = if let Ending::Failed { hold: Some(hold), .. } = ending { now + hold } else { now };
        load.free_from = Some(load.free_from.map_or(held, |free| (free + used).max(held)));
        let Some(entry) = self.entries.get_mut(image) else { return };
        entry.under_way = false;
        entry.failures = if ending == Ending::Known { 0 } else { entry.failures.saturating_add(1) };
        let again = std::mem::take(&mut entry.again);
        // What a hint was about is found out, however often that has to be tried.
        let wait = entry.wait(image, ending).filter(|_| self.by_time || ending != Ending::Known);
        if again {
            self.enqueue(image, now + AT_LEAST_APART);
        } else if let Some(wait) = wait {
            self.enqueue(image, now + wait);
        }
    }

    /// When an image is due.
    pub(super) fn due(&self, image: &ImageRef) -> Option<Instant> {
        self.entries.get(image)?.due
    }

    fn enqueue(&mut self, image: &ImageRef, due: Instant) {
        self.dequeue(image);
        if let Some(entry) = self.entries.get_mut(image) {
            entry.due = Some(due);
            self.queue.insert((due, image.clone()));
        }
    }

    fn dequeue(&mut self, image: &ImageRef) {
        if let Some(due) = self.entries.get_mut(image).and_then(|entry| entry.due.take()) {
            self.queue.remove(&(due, image.clone()));
        }
    }
}

impl Entry {
    fn wait(&self, image: &ImageRef, ending: Ending) -> Option<Duration> {
        let usual = self.interval.unwrap_or(WITHOUT_INTERVAL);
        let wait = match ending {
            Ending::Known => self.interval?,
            Ending::Failed { lasting, hold } => {
                let first = if lasting { usual } else { FIRST_RETRY.min(usual) };
                let doublings = self.failures.saturating_sub(1).min(16);
                (first * 2_u32.pow(doublings)).min(usual * LONGEST_PAUSE).max(hold.unwrap_or_default())
            }
        };
        Some(wait.mul_f64(1.0 + JITTER * self.spread(image)))
    }

    /// A number from 0 to 1.
    fn spread(&self, image: &ImageRef) -> f64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (image, self.looks).hash(&mut hasher);
        let part = u16::try_from(hasher.finish() & 0xffff).unwrap_or_default();
        f64::from(part) / f64::from(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> ImageRef {
        ImageRef::parse(name).unwrap()
    }

    const MINUTE: Option<Duration> = Some(Duration::from_mins(1));
    const BUSY: Ending = Ending::Failed { lasting: false, hold: None };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Asks about everything that is due until `until`, with an answer that takes `takes`; when each was asked.
    fn play(
        schedule: &mut Schedule,
        began: Instant,
        until: Instant,
        takes: Duration,
        ending: impl Fn(&ImageRef) -> Ending,
    ) -> Vec<(Duration, ImageRef)> {
        let (mut now, mut asked) = (began, Vec::new());
        let mut under_way = BTreeSet::<(Instant, ImageRef)>::new();
        while now < until {
            while let Some((end, image)) = under_way.first().cloned().filter(|(end, _)| *end <= now) {
                under_way.remove(&(end, image.clone()));
                schedule.ended(&image, ending(&image), 1, end);
            }
            match schedule.next(now) {
                Next::Ask(image) => {
                    asked.push((now - began, image.clone()));
                    under_way.insert((now + takes, image));
                }
                Next::Wait(wake) => {
                    let end = under_way.first().map(|(end, _)| *end);
                    now =
                        wake.into_iter().chain(end).min().unwrap_or(until).max(now + Duration::from_nanos(1));
                }
            }
        }
        asked
    }

    #[test]
    fn a_thousand_images_are_asked_about_once_an_interval_and_ten_a_second() {
        let mut schedule = Schedule::new(10.0);
        let began = Instant::now();
        let interval = seconds(300);
        for n in 0..1000 {
            schedule.set(&image(&format!("registry.example/team/image-{n}")), Some(interval), began);
        }
        let until = began + seconds(3600);
        let asked = play(&mut schedule, began, until, Duration::from_millis(50), |_| Ending::Known);
        let mut last = HashMap::new();
        for (n, (at, image)) in asked.iter().enumerate() {
            let before = last.insert(image.clone(), *at);
            assert!(
                before.is_none_or(|before| *at >= before + interval),
                "{image} at {at:?} after {before:?}"
            );
            if let Some((tenth, _)) = n.checked_sub(10).map(|tenth| &asked[tenth]) {
                assert!(*at >= *tenth + Duration::from_millis(999), "more than ten in a second at {at:?}");
            }
        }
        // An hour holds eleven to twelve intervals with their jitter.
        assert!((10_500..=12_000).contains(&asked.len()), "{}", asked.len());
    }

    #[test]
    fn faults_are_looked_into_later_and_later() {
        let began = Instant::now();
        let (base, hour) = (image("base"), began + seconds(3600));
        let when = |ending: Ending| {
            let mut schedule = Schedule::new(10.0);
            schedule.set(&base, MINUTE, began);
            let asked = play(&mut schedule, began, hour, Duration::ZERO, |_| ending);
            let times: Vec<_> = asked.iter().map(|(at, _)| at.as_secs_f64()).collect();
            times.windows(2).take(6).map(|two| two[1] - two[0]).collect::<Vec<_>>()
        };
        let near = |found: &[f64], expected: &[f64]| {
            let near = |(found, expected): (&f64, &f64)| (*expected..=expected * 1.11).contains(found);
            assert!(found.iter().zip(expected).all(near), "{found:?} instead of {expected:?}");
        };
        near(&when(BUSY), &[15.0, 30.0, 60.0, 120.0, 240.0, 240.0]);
        near(&when(Ending::Failed { lasting: true, hold: None }), &[60.0, 120.0, 240.0, 240.0]);
        near(&when(Ending::Failed { lasting: false, hold: Some(seconds(500)) }), &[500.0, 500.0]);
    }

    #[test]
    fn a_registry_that_wants_to_be_left_alone_is_and_others_are_asked() {
        let began = Instant::now();
        let mut schedule = Schedule::new(10.0);
        for name in ["a.example/one", "a.example/two", "b.example/one"] {
            schedule.set(&image(name), MINUTE, began);
        }
        let asked = play(&mut schedule, began, began + seconds(100), Duration::ZERO, |image| {
            match image.registry() {
                "a.example" => Ending::Failed { lasting: false, hold: Some(seconds(99)) },
                _ => Ending::Known,
            }
        });
        let count = |registry| asked.iter().filter(|(_, image)| image.registry() == registry).count();
        assert_eq!((count("a.example"), count("b.example")), (2, 2), "{asked:?}");
    }

    #[test]
    fn a_slow_registry_leaves_room() {
        let began = Instant::now();
        let mut schedule = Schedule::new(1000.0);
        for n in 0..100 {
            schedule.set(&image(&format!("slow.example/i{n}")), MINUTE, began);
        }
        schedule.set(&image("zz.example/quick"), MINUTE, began);
        let asked = play(&mut schedule, began, began + seconds(1), seconds(15), |_| Ending::Known);
        assert_eq!(asked.len(), PER_REGISTRY + 1, "{asked:?}");
    }

    #[test]
    fn hints_are_followed_but_not_more_than_once_a_second() {
        let began = Instant::now();
        let base = image("base");
        let mut schedule = Schedule::new(10.0);
        assert!(!schedule.hurry(&base, began), "nobody waits for it");
        schedule.set(&base, None, began);
        assert_eq!(schedule.next(began), Next::Ask(base.clone()));
        assert!(schedule.hurry(&base, began));
        assert_eq!(schedule.next(began), Next::Wait(None), "it is being asked about");
        schedule.ended(&base, Ending::Known, 1, began);
        assert_eq!(
            schedule.due(&base),
            Some(began + AT_LEAST_APART),
            "the hint may be newer than the answer"
        );
        let later = began + seconds(2);
        assert_eq!(schedule.next(later), Next::Ask(base.clone()));
        schedule.ended(&base, Ending::Known, 1, later);
        assert_eq!(schedule.next(later + seconds(9999)), Next::Wait(None), "without an interval that is all");
        for _ in 0..5 {
            schedule.hurry(&base, later);
        }
        assert_eq!(schedule.next(later), Next::Wait(Some(later + AT_LEAST_APART)));
        schedule.retain(|_| false);
        assert_eq!(schedule.next(later + seconds(5)), Next::Wait(None));
    }

    #[test]
    fn who_does_not_lead_asks_when_it_is_hinted_at_and_until_it_is_known() {
        let (mut schedule, began) = (Schedule::new(1000.0), Instant::now());
        let base = image("base");
        schedule.go_by_time(false, began);
        schedule.set(&base, MINUTE, began);
        assert_eq!(schedule.next(began + seconds(9999)), Next::Wait(None), "not even at first");
        schedule.hurry(&base, began);
        assert_eq!(schedule.next(began), Next::Ask(base.clone()));
        schedule.ended(&base, BUSY, 1, began);
        let Next::Wait(Some(retry)) = schedule.next(began) else { panic!("a hint is not given up") };
        assert_eq!(schedule.next(retry), Next::Ask(base.clone()));
        schedule.ended(&base, Ending::Known, 1, retry);
        assert_eq!(schedule.next(retry + seconds(9999)), Next::Wait(None));

        // Whoever begins to lead looks at everything, once, and then from time to time.
        let led = retry + seconds(10);
        for _ in 0..2 {
            schedule.go_by_time(true, led);
        }
        assert_eq!(schedule.next(led), Next::Ask(base.clone()));
        schedule.ended(&base, Ending::Known, 1, led);
        let Next::Wait(Some(next)) = schedule.next(led) else { panic!("by its interval") };
        assert!(next >= led + seconds(60) && next <= led + seconds(66));
        schedule.go_by_time(false, led);
        assert_eq!(schedule.next(led + seconds(9999)), Next::Wait(None), "who is deposed stops at once");
    }
}
