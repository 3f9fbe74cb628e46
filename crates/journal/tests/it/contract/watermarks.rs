use crate::Store;
use crate::delivery::moment;

pub(crate) async fn a_watermark_only_rises(store: &mut impl Store) {
    let journal = store.journal();
    assert_eq!(journal.watermark("runs").await.unwrap(), None);
    for (to, expected) in [(5, 5), (3, 5), (9, 9)] {
        journal.raise_watermark("runs", moment(to)).await.unwrap();
        assert_eq!(journal.watermark("runs").await.unwrap(), Some(moment(expected)));
    }
    assert_eq!(journal.watermark("others").await.unwrap(), None);
    store.reopen().await;
    assert_eq!(store.journal().watermark("runs").await.unwrap(), Some(moment(9)));
}
