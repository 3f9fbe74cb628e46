use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use tokio::sync::OnceCell;
use trigger_journal::{JournalError, Notebook};

use super::error::ApiError;

/// The entry of the journal that holds the key, so that every replica opens the cursors of the others.
const ENTRY: &str = "admin/cursor-key";
const KEY_LENGTH: usize = 32;

/// Encrypts the cursors of the history.
///
/// A cursor of the journal holds the time and the sequence number of a delivery. A page ends where the search for visible
/// deliveries ended, so these can be another tenant's; and sequence numbers count the deliveries of all.
pub(super) struct Cursors {
    journal: Arc<dyn Notebook>,
    key: OnceCell<RandomizedNonceKey>,
}

impl Cursors {
    pub(super) fn new(journal: Arc<dyn Notebook>) -> Self {
        Self { journal, key: OnceCell::new() }
    }

    /// The text that a client gets in place of a cursor of the journal.
    pub(super) async fn seal(&self, cursor: String) -> Result<String, ApiError> {
        let mut sealed = cursor.into_bytes();
        let key = self.key().await?;
        let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut sealed).map_err(|_| unusable())?;
        let mut text = nonce.as_ref().to_vec();
        text.append(&mut sealed);
        Ok(BASE64URL_NOPAD.encode(&text))
    }

    /// The cursor of the journal that was sealed.
    pub(super) async fn open(&self, text: &str) -> Result<String, ApiError> {
        let key = self.key().await?;
        open(key, text).ok_or_else(|| JournalError::BadCursor.into())
    }

    async fn key(&self) -> Result<&RandomizedNonceKey, ApiError> {
        self.key
            .get_or_try_init(|| async {
                let text = self.load().await?;
                let key = BASE64.decode(text.as_bytes()).map_err(|_| unusable())?;
                RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| unusable())
            })
            .await
    }

    /// The stored key. The first replica that needs one makes it.
    async fn load(&self) -> Result<String, ApiError> {
        loop {
            if let Some(entry) = self.journal.entry(ENTRY).await? {
                return Ok(entry.text);
            }
            let mut key = [0; KEY_LENGTH];
            aws_lc_rs::rand::fill(&mut key).map_err(|_| unusable())?;
            self.journal.compare_and_swap(ENTRY, 0, BASE64.encode(&key)).await?;
        }
    }
}

fn open(key: &RandomizedNonceKey, text: &str) -> Option<String> {
    let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let cursor = key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
    String::from_utf8(cursor.to_vec()).ok()
}

fn unusable() -> ApiError {
    ApiError::unavailable(format!(
        "the key of cursors cannot be used; delete the entry {ENTRY} of the journal"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unchanged_cursor_is_opened() {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &[7; KEY_LENGTH]).unwrap();
        let mut sealed = b"a cursor".to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::empty(), &mut sealed).unwrap();
        let text = BASE64URL_NOPAD.encode(&[nonce.as_ref().as_slice(), &sealed].concat());
        assert_eq!(open(&key, &text).as_deref(), Some("a cursor"));
        let other = RandomizedNonceKey::new(&AES_256_GCM, &[8; KEY_LENGTH]).unwrap();
        assert_eq!(open(&other, &text), None);
        for bad in ["", "x", "page-2", "AAAA", &text[..text.len() - 2], &format!("{text}AA")] {
            assert_eq!(open(&key, bad), None, "{bad:?}");
        }
    }
}
