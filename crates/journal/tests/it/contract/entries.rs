use futures::future::join_all;
use trigger_journal::Entry;

use crate::Store;

pub(crate) async fn an_entry_is_replaced_at_its_revision(store: &mut impl Store) {
    let journal = store.journal();
    assert_eq!(journal.entry("images/team-a").await.unwrap(), None);
    let replace =
        |after: u64, text: &'static str| journal.compare_and_swap("images/team-a", after, text.to_owned());
    assert!(!replace(7, "no revision 7").await.unwrap());
    assert!(replace(0, "first").await.unwrap());
    assert!(!replace(0, "first again").await.unwrap());
    assert!(replace(1, "second \u{1f4e6}").await.unwrap());
    assert!(!replace(1, "late").await.unwrap());
    let expected = Entry { revision: 2, text: "second \u{1f4e6}".to_owned() };
    assert_eq!(journal.entry("images/team-a").await.unwrap().as_ref(), Some(&expected));
    assert_eq!(journal.entry("images/team-b").await.unwrap(), None);
    store.reopen().await;
    assert_eq!(store.journal().entry("images/team-a").await.unwrap(), Some(expected));
}

pub(crate) async fn of_many_writers_of_a_revision_one_succeeds(store: &mut impl Store) {
    let journal = store.journal();
    for after in 0..5 {
        let all = (0..20).map(|writer| journal.compare_and_swap("m", after, format!("{after} by {writer}")));
        let done: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        let writer = done.iter().position(|done| *done).unwrap();
        let entry = journal.entry("m").await.unwrap().unwrap();
        assert_eq!(entry, Entry { revision: after + 1, text: format!("{after} by {writer}") });
    }
}
