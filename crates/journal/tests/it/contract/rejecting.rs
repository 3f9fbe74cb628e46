use trigger_core::ObjectKey;
use trigger_journal::{REJECTIONS, Rejection, TriedSecret};

use crate::Store;
use crate::delivery::{moment, push};

fn rejection(second: i64) -> Rejection {
    let finding = "no key in it verifies the signature".to_owned();
    Rejection {
        at: moment(second),
        times: 2,
        delivery: push("refused", 0).id,
        status: 401,
        answer: "unauthorized".to_owned(),
        reason: "no Secret verifies the delivery".to_owned(),
        source: "github".to_owned(),
        path: "/hooks/github".to_owned(),
        event: "push".to_owned(),
        provider_id: None,
        repository: Some("github.com/acme/web".to_owned()),
        from: Some("10.0.0.7:4711".to_owned()),
        tried: vec![TriedSecret { secret: ObjectKey::new("team-a", "hook"), finding }],
    }
}

pub(crate) async fn rejections_are_retained_newest_first(store: &mut impl Store) {
    assert!(store.journal().rejections().await.unwrap().is_empty());
    store.journal().reject(vec![rejection(1), rejection(2)]).await.unwrap();
    store.journal().reject(vec![rejection(3)]).await.unwrap();
    store.reopen().await;
    assert_eq!(store.journal().rejections().await.unwrap(), [rejection(3), rejection(2), rejection(1)]);
}

pub(crate) async fn the_number_of_rejections_is_bounded(store: &mut impl Store) {
    for batch in 0..5 {
        let batch = (0..300).map(|n| rejection(batch * 300 + n)).collect();
        store.journal().reject(batch).await.unwrap();
    }
    let kept = store.journal().rejections().await.unwrap();
    assert_eq!(kept.len(), REJECTIONS);
    assert_eq!((kept[0].at, kept[REJECTIONS - 1].at), (moment(1499), moment(500)));
}

pub(crate) async fn a_store_that_works_passes_its_check(store: &mut impl Store) {
    store.journal().check().await.unwrap();
}
