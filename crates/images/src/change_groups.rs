use std::collections::HashMap;

use jiff::Timestamp;
use trigger_core::ImageRef;

/// Changed images, in groups that share a Build. Takes time in proportion to the images of the Builds.
#[derive(Default)]
pub(crate) struct ChangeGroups {
    images: Vec<(ImageRef, Timestamp)>,
    /// The place of each image in `images`.
    places: HashMap<ImageRef, usize>,
}

/// Changes that belong together.
pub(crate) struct ChangeGroup {
    /// The images, in the order in which they were added.
    pub(crate) images: Vec<ImageRef>,
    /// When the first of the changes was observed.
    pub(crate) first_observed: Timestamp,
    /// Whether any Build watches one of them.
    pub(crate) is_watched: bool,
    /// Whether a Build watches one of them together with another image, changed or not.
    pub(crate) has_companions: bool,
}

impl ChangeGroups {
    /// Adds a changed image.
    pub(crate) fn add(&mut self, image: &ImageRef, observed: Timestamp) {
        self.places.insert(image.clone(), self.images.len());
        self.images.push((image.clone(), observed));
    }

    /// The groups, given the images of each Build.
    pub(crate) fn of<'a>(self, builds: impl IntoIterator<Item = &'a [ImageRef]>) -> Vec<ChangeGroup> {
        let Self { images, places } = self;
        if images.is_empty() {
            return Vec::new();
        }
        let mut sets = DisjointSets::new(images.len());
        let (mut watched, mut companions) = (vec![false; images.len()], vec![false; images.len()]);
        for names in builds {
            let mut first = None;
            for place in names.iter().filter_map(|name| places.get(name).copied()) {
                sets.join(*first.get_or_insert(place), place);
                mark(&mut watched, place, true);
                mark(&mut companions, place, names.len() > 1);
            }
        }
        let mut groups = Vec::<ChangeGroup>::new();
        let mut group_of = HashMap::<usize, usize>::new();
        for (place, (image, observed)) in images.into_iter().enumerate() {
            let number = *group_of.entry(sets.root(place)).or_insert_with(|| {
                let (images, first_observed) = (Vec::new(), observed);
                groups.push(ChangeGroup { images, first_observed, is_watched: false, has_companions: false });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(number) else { continue };
            group.images.push(image);
            group.first_observed = group.first_observed.min(observed);
            group.is_watched |= watched.get(place).copied().unwrap_or_default();
            group.has_companions |= companions.get(place).copied().unwrap_or_default();
        }
        groups
    }
}

fn mark(marks: &mut [bool], place: usize, is_marked: bool) {
    if let Some(mark) = marks.get_mut(place) {
        *mark |= is_marked;
    }
}

/// Sets of numbers that are joined: the forest of Galler and Fischer, with halved paths.
struct DisjointSets(Vec<usize>);

impl DisjointSets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut number: usize) -> usize {
        while let Some(parent) = self.0.get(number).copied().filter(|parent| *parent != number) {
            let grandparent = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.0.get_mut(number) {
                *slot = grandparent;
            }
            number = grandparent;
        }
        number
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(slot) = self.0.get_mut(one.max(other)) {
            *slot = one.min(other);
        }
    }
}
